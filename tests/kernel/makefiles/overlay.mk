# Makes a kernel that has no CONFIG_LTO_CLANG_THIN_DIST do what one that has it does up to vmlinux.a: read first
# by MAKEFILES, this runs in the place of vmlinux.o's link, where kbuild has exported all that is needed.
# DIST_HARNESS is the directory of this file.

override define rule_ld_vmlinux.o
	$(Q)$(MAKE) -f $(DIST_HARNESS)/Makefile.stages
endef
