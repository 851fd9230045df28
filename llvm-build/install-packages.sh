#!/bin/sh
# Installs the system packages that thinfarm is built and tested with, where apt has them; elsewhere says
# which they are. Quick when nothing is missing, so that make can run it every time.
#
#   llvm-build/install-packages.sh           install what is missing
#   llvm-build/install-packages.sh --check   only say what is missing; exit status 1 if anything is
#   llvm-build/install-packages.sh --with-bolt   install BOLT as well, for make release
#
# LLVM_SYS_221_PREFIX names an LLVM 22 installed elsewhere: then Debian's is not asked for.
set -eu

major=22
prefix=${LLVM_SYS_221_PREFIX:-}

say() {
    echo "install-packages: $*" >&2
}

# Stops with the reason "$1" and what to have where this script cannot install it.
stop() {
    say "$1"
    cat >&2 <<EOF
Install these by the means of this system, then run make again:
  LLVM $major with headers and static libraries, those of clang, lld and Polly among them
                          (Debian: llvm-$major-dev libclang-$major-dev liblld-$major-dev libpolly-$major-dev)
  clang $major and lld $major     (Debian: clang-$major lld-$major)
  a C++17 compiler, make  (Debian: g++ make)
  CMake, ninja and mold, for the tests  (Debian: cmake ninja-build mold)
  zlib, zstd, libxml2 and Z3 with headers, which LLVM links
                          (Debian: zlib1g-dev libzstd-dev libxml2-dev libz3-dev)
  BOLT $major, for make release alone  (Debian: bolt-$major libbolt-$major-dev)
An LLVM $major that is not on PATH is named by LLVM_SYS_221_PREFIX. Debian and Ubuntu releases that have no
LLVM $major find it in the package archive of the LLVM project
EOF
    exit 1
}

# Whether the llvm-config "$1" exists and belongs to LLVM 22.
is_llvm_config() {
    llvm_version=$("$1" --version 2>/dev/null) && [ "${llvm_version%%.*}" = "$major" ]
}

# The Debian packages to have, one to a line.
wanted_packages() {
    printf '%s\n' g++ make cmake ninja-build mold
    if [ -n "$with_bolt" ] && ! { [ -n "$prefix" ] && [ -x "$prefix/bin/llvm-bolt" ]; }; then
        printf '%s\n' "bolt-$major" "libbolt-$major-dev"
    fi
    if [ -z "$prefix" ]; then
        printf '%s\n' "llvm-$major-dev" "libclang-$major-dev" "libpolly-$major-dev" "clang-$major" \
            "lld-$major" "liblld-$major-dev" zlib1g-dev libzstd-dev libxml2-dev libz3-dev
        return
    fi
    [ -x "$prefix/bin/clang" ] || echo "clang-$major"
    [ -x "$prefix/bin/ld.lld" ] || echo "lld-$major"
    for library in $("$prefix/bin/llvm-config" --link-static --system-libs); do
        case $library in
            -lz | */libz.*) echo zlib1g-dev ;;
            -lzstd | */libzstd.*) echo libzstd-dev ;;
            -lxml2 | */libxml2.*) echo libxml2-dev ;;
            -lz3 | */libz3.*) echo libz3-dev ;;
        esac
    done
}

# Those of the packages "$@" that are not installed, in one line.
missing_packages() {
    # dpkg-query fails when it does not know a package; then it is missing.
    installed=$(dpkg-query --show --showformat='${Package} ${db:Status-Status}\n' "$@" 2>/dev/null) || :
    missing=
    for package in "$@"; do
        if ! echo "$installed" | grep -qxF "$package installed"; then
            missing="$missing $package"
        fi
    done
    echo "${missing# }"
}

# Where there is no apt, packages have other names: looks for the tools themselves.
check_tools() {
    for llvm_config in "$prefix/bin/llvm-config" "llvm-config-$major" llvm-config ''; do
        if is_llvm_config "$llvm_config"; then
            break
        fi
    done
    [ -n "$llvm_config" ] || stop "there is no apt, and no llvm-config of LLVM $major"
    bindir=$("$llvm_config" --bindir)
    for tool in clang ld.lld; do
        [ -x "$bindir/$tool" ] || command -v "$tool-$major" >/dev/null ||
            stop "there is no apt, and no $tool of LLVM $major"
    done
    command -v c++ >/dev/null || stop "there is no apt, and no C++ compiler called c++"
}

with_bolt=
case ${1-} in
    '' | --check) ;;
    --with-bolt) with_bolt=yes ;;
    *)
        echo "usage: llvm-build/install-packages.sh [--check | --with-bolt]" >&2
        exit 2
        ;;
esac

if [ -n "$prefix" ] && ! is_llvm_config "$prefix/bin/llvm-config"; then
    stop "LLVM_SYS_221_PREFIX is $prefix, but there is no $prefix/bin/llvm-config of LLVM $major"
fi
if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
    check_tools
    exit 0
fi

# Package names hold no blanks: here and below they are meant to be split.
# shellcheck disable=SC2046
missing=$(missing_packages $(wanted_packages))
[ -n "$missing" ] || exit 0
if [ "${1-}" = --check ]; then
    say "missing: $missing"
    exit 1
fi

as_root=
if [ "$(id -u)" -ne 0 ]; then
    as_root=sudo
    command -v sudo >/dev/null || {
        say "there is no sudo here; as root, run: apt-get install $missing"
        exit 1
    }
fi
say "installing with ${as_root:+$as_root }apt-get: $missing"
$as_root apt-get update -qq
for package in $missing; do
    apt-cache show "$package" >/dev/null 2>&1 || stop "this system's package sources have no $package"
done
# shellcheck disable=SC2086
$as_root env DEBIAN_FRONTEND=noninteractive \
    apt-get install -qq --yes --no-install-recommends -o Dpkg::Use-Pty=0 $missing
