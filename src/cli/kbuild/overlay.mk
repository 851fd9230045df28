# Builds the Linux kernel's vmlinux.o in the four stages of a distributed ThinLTO build, with thinfarm for the
# backends, where the kernel has CONFIG_LTO_CLANG_THIN and lld would do all of it in one process. The kernel's
# tree stays as it is: make reads this file before every makefile of the build, and an override wins over the
# kernel's own definition.
#
#   thinfarm kbuild overlay > ~/thinfarm.mk
#   MAKEFILES=~/thinfarm.mk make LLVM=-22 -j8
#
# THINFARM names the program. All that the stages write is in .tmp_thinlto of the build directory, and goes
# with the kernel's `make clean`.

THINFARM ?= thinfarm

thinfarm-dir    := .tmp_thinlto
thinfarm-prefix := --thinlto-prefix-replace=';$(thinfarm-dir)/'
thinfarm-ld      = $(LD) $(KBUILD_LDFLAGS) -r $(addprefix -T ,$(initcalls-lds))

# 1. All objects in link order; those of the libraries are linked if something needs them.
thinfarm-order = \
	mkdir -p $(thinfarm-dir); \
	$(AR) t vmlinux.a > $(thinfarm-dir)/vmlinux.order; \
	for lib in $(KBUILD_VMLINUX_LIBS); do $(AR) t $$lib; done > $(thinfarm-dir)/libs.order

# 2. The thin link: an index of each module, and the list of the modules that are linked. What it took of
# the libraries is linked from now on, even if inlining leaves no call of it, as in a link by lld alone.
thinfarm-thin-link = \
	$(thinfarm-ld) --thinlto-index-only=$(thinfarm-dir)/modules $(thinfarm-prefix) \
		@$(thinfarm-dir)/vmlinux.order --start-lib @$(thinfarm-dir)/libs.order --end-lib; \
	{ cat $(thinfarm-dir)/vmlinux.order; \
		sed 's,^$(thinfarm-dir)/,,' $(thinfarm-dir)/modules | grep -Fxf $(thinfarm-dir)/libs.order || :; \
	} > $(thinfarm-dir)/linked

# 3. The backends, each with the options in its module's .cmd file. A command line must not change with V=1,
# or kbuild would run it again: the shell looks, in what kbuild exports.
thinfarm-backends = \
	$(THINFARM) backend --options kbuild --incremental $$([ "$$quiet" ] || echo -v) \
		--list $(thinfarm-dir)/linked $(thinfarm-prefix) \
		--out-dir $(thinfarm-dir) --objects $(thinfarm-dir)/objects

# 4. The link, with native objects where modules were. The libraries still have assembly.
thinfarm-link = \
	$(thinfarm-ld) -o $@ $(vmlinux-o-ld-args-y) @$(thinfarm-dir)/objects \
		--start-group $(KBUILD_VMLINUX_LIBS) --end-group

thinfarm-check = $(if $(CONFIG_LTO_CLANG_THIN),,$(error thinfarm: there is no CONFIG_LTO_CLANG_THIN in this \
	configuration: build it without MAKEFILES, and see `thinfarm kbuild --help`))

override cmd_ld_vmlinux.o = \
	$(thinfarm-check)$(thinfarm-order); $(thinfarm-thin-link); $(thinfarm-backends); $(thinfarm-link) \
	$(cmd_objtool)

# The `+` hands make's jobserver to thinfarm.
override define rule_ld_vmlinux.o
	+$(call cmd_and_savecmd,ld_vmlinux.o)
	$(call cmd,gen_objtooldep)
endef
