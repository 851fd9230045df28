# The commands of this project. `demo` and `test` need nothing beforehand but Rust, git and make, and a
# network the first time; the second time they are quick. Everything is built in release mode, where LLVM is
# linked statically: one link of it serves program, tests and benchmarks.

CARGO ?= cargo
BUILT = $(or $(CARGO_TARGET_DIR),target)/release
LAID_OUT = $(BUILT)-bolt

PREFIX ?= /usr/local

.PHONY: help setup build release install install-release demo check test test-dynamic test-kernel test-builds test-peers test-growth \
	parity differential fuzz bench bench-readme fmt lint api docs clean

help:
	@echo 'make setup    install missing system packages (LLVM 22, clang, lld, a C++ compiler)'
	@echo 'make build    build target/release/thinfarm, and ld.thinfarm beside it'
	@echo 'make release  build target/release-bolt/thinfarm, laid out by BOLT: the fastest (10 minutes, 15 GiB of memory)'
	@echo 'make install  install target/release/thinfarm, ld.thinfarm, man pages and shell completions in PREFIX (/usr/local)'
	@echo 'make install-release  the same with target/release-bolt/thinfarm'
	@echo 'make demo     build a real program through thinfarm, and run it'
	@echo 'make check    the quick one after a change: formatting, lints, unit tests and a part of the suite (3 minutes)'
	@echo 'make test     formatting, lints, documentation, and all tests but the full parity suite'
	@echo 'make test-dynamic  test the development build that links LLVM dynamically (part of make test)'
	@echo 'make test-kernel   build Linux through thinfarm, compare every object, boot it (10 to 20 minutes)'
	@echo 'make test-builds   real builds with ld.thinfarm: CMake, Meson, autotools, cargo, RocksDB (10 to 20 minutes)'
	@echo 'make test-peers    LLVM'\''s own tests of lld, DTLTO and ThinLTO backends, as they are (25 minutes of one core)'
	@echo 'make test-growth   10,000 jobs in one process, which must not grow (a minute)'
	@echo 'make parity   compare the objects of every parity case with those of clang'
	@echo 'make differential  random programs by ld.lld and ld.thinfarm, compared (COUNT=20000; SEED=7 repeats one)'
	@echo 'make fuzz     the parsers of foreign text and our functions in the places of LLVM'\''s, with many random inputs'
	@echo 'make bench    thinfarm, lld in-process, spawned clang and DTLTO, side by side (40 minutes; BENCH=kernel adds Linux)'
	@echo 'make bench-readme  put what make bench measured into BENCHMARKS.md and README.md'
	@echo 'make fmt      format the sources'
	@echo 'make lint     formatting and clippy'
	@echo 'make api      list the public items of the library anew in tests/api/public.txt'
	@echo 'make docs     build the documentation'
	@echo 'make clean    remove everything built'

setup:
	@llvm-build/install-packages.sh

build: setup
	$(CARGO) build --release
	ln -sf thinfarm $(BUILT)/ld.thinfarm

release:
	@llvm-build/install-packages.sh --with-bolt
	$(CARGO) run --release --quiet -p thinfarm-release

install: build
	$(call install-from,$(BUILT))

install-release: release
	$(call install-from,$(LAID_OUT))

# Installs the thinfarm in directory $(1).
define install-from
	install -D $(1)/thinfarm $(DESTDIR)$(PREFIX)/bin/thinfarm
	ln -sf thinfarm $(DESTDIR)$(PREFIX)/bin/ld.thinfarm
	install -d $(DESTDIR)$(PREFIX)/share/man/man1
	$(1)/thinfarm man $(DESTDIR)$(PREFIX)/share/man/man1
	install -d $(DESTDIR)$(PREFIX)/share/bash-completion/completions \
		$(DESTDIR)$(PREFIX)/share/zsh/site-functions $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d
	$(1)/thinfarm completions bash > $(DESTDIR)$(PREFIX)/share/bash-completion/completions/thinfarm
	$(1)/thinfarm completions zsh > $(DESTDIR)$(PREFIX)/share/zsh/site-functions/_thinfarm
	$(1)/thinfarm completions fish > $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/thinfarm.fish
endef

demo: build
	$(CARGO) run --release --quiet -p thinfarm-corpora --bin demo

# One test or more of each part. CHECKS="link_terms cache" runs other parts of the suite.
CHECKS = direction embedder cc_drop_in own_options link_kinds link_words dtlto:: cache_hits incremental explain report trust

check: setup
	$(CARGO) fmt --all --check
	$(CARGO) clippy --release --all-targets -- -D warnings
	$(CARGO) test --release --lib --test suite --test documents --no-run
	$(CARGO) test --release --lib
	$(CARGO) test --release --test suite -- $(CHECKS)
	$(CARGO) test --release --test documents

test: lint docs
	$(CARGO) test --workspace --release
	$(MAKE) --no-print-directory test-dynamic

# The development build, against the shared LLVM and clang: part of the suite with that program.
test-dynamic: setup
	$(CARGO) build --features dynamic-llvm
	THINFARM=$(abspath $(or $(CARGO_TARGET_DIR),target))/debug/thinfarm \
		$(CARGO) test --release --test suite -- cc_drop_in report telling

# Resumable; PARTS="x86 dist drop-in arm64 riscv" runs some parts only. Says which packages it needs.
test-kernel: build
	$(CARGO) run --release --quiet -p thinfarm-kernel-test -- $(PARTS)

# PARTS="cmake meson autotools rust rocksdb rocksdb-tools" runs some parts only. Sources and compiled modules are kept. Says which
# packages it needs.
test-builds: build
	$(CARGO) run --release --quiet -p thinfarm-builds-test -- $(PARTS)

# PARTS="elf side-by-side dtlto clang modules" runs some parts only, ARGS="--only lto/cache --jobs 1" some tests.
# Downloads LLVM's sources the first time (190 MiB), and says which package it needs.
test-peers: build
	$(CARGO) run --release --quiet -p thinfarm-peers-test -- $(PARTS) $(ARGS)

# What `make test` does with 2,000 jobs.
test-growth: setup
	$(CARGO) test --release --test suite -- --ignored ten_thousand

parity: setup
	$(CARGO) test --release --test parity -- --full

# SEED=7 is the first seed, and the only one unless there is a COUNT. LINKS=1 makes one link of each program instead of
# four. What differs is left in target/differential.
differential: setup
	$(CARGO) test --release --test differential -- $(if $(SEED),--seed $(SEED),--seed 0) \
		--count $(or $(COUNT),$(if $(SEED),1,20000)) $(if $(LINKS),--links $(LINKS))

# What `make test` does with 256 inputs for each property. SEED=NUMBER repeats a comparison with LLVM.
fuzz: setup
	PROPTEST_CASES=$(or $(CASES),200000) $(CARGO) test --release --lib -- any_ come_back damaged shown split
	PROPTEST_CASES=$(or $(CASES),200000) $(CARGO) test --release --test suite -- replaced --include-ignored

# ARGS="--corpus zstd --runs 1" measures less, ARGS="--corpus zstd --again" only that anew, BENCH=kernel adds Linux,
# THINFARM=PATH measures another binary. The first run also compiles the corpora, which takes as long again.
bench: build
	$(CARGO) run --release --quiet -p thinfarm-bench -- $(ARGS)

# JSON names another report than the last one.
bench-readme:
	$(CARGO) run --release --quiet -p thinfarm-bench -- --documents $(JSON)

fmt:
	$(CARGO) fmt --all

lint: setup
	$(CARGO) fmt --all --check
	$(CARGO) clippy --release --no-default-features --lib -- -D warnings
	$(CARGO) clippy --workspace --all-targets --release -- -D warnings

# The part of `make test` that compares the list says what has changed.
api: setup
	$(CARGO) test --quiet --release -p thinfarm-api-test --test api -- --write

docs: setup
	RUSTDOCFLAGS=-Dwarnings $(CARGO) doc --workspace --no-deps --release

clean:
	$(CARGO) clean
