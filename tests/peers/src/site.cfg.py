# What CMake tells LLVM's test suites about a build of LLVM, told about one that is installed. `settings` comes before
# this text: strings all.

import sys

import lit.llvm

tools, libraries, out = settings["tools"], settings["libraries"], settings["out"]
source = settings["source"]
for name, value in {
    # Where tools, libraries and sources are.
    "llvm_tools_dir": tools,
    "lld_tools_dir": tools,
    "clang_tools_dir": tools,
    "llvm_external_lit": "",
    "lit_tools_dir": "",
    "llvm_libs_dir": libraries,
    "llvm_shlib_dir": libraries,
    "lld_libs_dir": libraries,
    "clang_lib_dir": libraries,
    "llvm_shlib_ext": ".so",
    "llvm_plugin_ext": ".so",
    "llvm_src_root": settings["llvm_source"],
    "clang_src_dir": source + "/clang",
    "lld_src_dir": source + "/lld",
    "cross_project_tests_src_root": source + "/cross-project-tests",
    # Where tests write.
    "llvm_obj_root": out,
    "lld_obj_root": out,
    "clang_obj_root": out,
    "cross_project_tests_obj_root": out + "/test",
    # What this LLVM is.
    "host_triple": "x86_64-pc-linux-gnu",
    "target_triple": "x86_64-pc-linux-gnu",
    "host_arch": "x86_64",
    "host_cxx": "c++",
    "host_cc": "cc",
    "targets_to_build": ["X86", "AArch64", "ARM", "PowerPC", "RISCV", "LoongArch"],
    "llvm_enabled_projects": ["clang", "lld"],
    "python_executable": sys.executable,
    "errc_messages": "",
    "sizeof_void_p": 8,
    "have_zlib": True,
    "have_zstd": True,
    "have_libxml2": True,
    "has_plugins": True,
    "enable_backtrace": True,
    "enable_threads": True,
    "enable_shared": True,
    "link_llvm_dylib": True,
    "link_clang_dylib": True,
    "build_shared_libs": False,
    "have_dia_sdk": False,
    "have_llvm_driver": False,
    "ld_lld_default_mingw": False,
    "build_examples": False,
    "clang_examples": False,
    "llvm_examples": False,
    "linked_bye_extension": False,
    "is_msvc": False,
    "clang_staticanalyzer": False,
    "clang_staticanalyzer_z3": "",
    "clang_staticanalyzer_z3_mock": "",
    "clang_enable_cir": False,
    "clang_default_pie_on_linux": True,
    "clang_default_cxx_stdlib": "",
    "clang_vendor_uti": "",
    "use_z3_solver": False,
    "llvm_use_sanitizer": "",
    "standalone_build": False,
    "ppc_linux_default_ieeelongdouble": False,
    "reverse_iteration": False,
    "substitutions": list(config.substitutions),
}.items():
    setattr(config, name, value)

lit.llvm.initialize(lit_config, config)
if settings["driver"]:
    config.environment["CLANG"] = settings["driver"]
if settings["linkers"]:
    # clang looks here first for the linker that -fuse-ld= names.
    config.environment["COMPILER_PATH"] = settings["linkers"]
lit_config.load_config(config, source + "/" + settings["project"] + settings["config"])
# Another program where a test's lines name the linker itself.
if settings["linker"]:
    theirs = tools + "/ld.lld"
    config.substitutions = [
        (pattern, text.replace(theirs, settings["linker"]) if isinstance(text, str) else text)
        for pattern, text in config.substitutions
    ]
