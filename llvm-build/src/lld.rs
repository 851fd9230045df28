//! lld, in-process.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::{fmt, mem};

use cxx::SharedPtr;

use crate::bridge::ffi::{
    self, Argument, CodegenWord, LinkBeginning, LinkConfig, LinkJob, LinkMessage, LinkObject, LinkStep,
};

/// Makes the native objects of a ThinLTO link, in place of LLVM's own backends.
pub trait LinkCompiler {
    /// lld begins with `step`. All links tell of the first, those with bitcode of the others, too, unless LLVM's own
    /// backends do the work.
    fn reached(&mut self, step: LinkStep);

    /// The thin link is about to begin. Returns a directory that is removed should the process end early, or `None` if
    /// LLVM's own backends are to do the work.
    ///
    /// # Errors
    /// Why the link fails; lld prints it.
    fn begin(&mut self, config: &LinkConfig) -> Result<Option<PathBuf>, String>;

    /// Makes the objects of all `jobs`.
    ///
    /// # Errors
    /// Why the link fails; lld prints it.
    fn compile(&mut self, jobs: Vec<LinkJob>) -> Result<Vec<LinkObject>, String>;

    /// Whether objects are in the cache that lld would have them in, so that what it says of that is true. Asked when
    /// the link has begun.
    fn caches_as_lld(&self) -> bool;

    /// lld has the objects.
    fn finish(&mut self);
}

/// What lld wants of all jobs of a link besides their objects: to see the modules between LLVM's stages (`--save-temps`),
/// and their part of `--time-trace`. By default nothing.
#[derive(Clone)]
pub struct LinkHooks(pub(crate) SharedPtr<ffi::LinkHooks>);

// SAFETY: the C++ object is never changed, and LLVM's own backends call the same hooks from many threads at once.
unsafe impl Send for LinkHooks {}
// SAFETY: as above.
unsafe impl Sync for LinkHooks {}

impl Default for LinkHooks {
    fn default() -> Self {
        Self(SharedPtr::null())
    }
}

impl fmt::Debug for LinkHooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("LinkHooks").field(&!self.0.is_null()).finish()
    }
}

impl LinkConfig {
    /// The part of it that is for jobs in this process alone.
    pub fn link_hooks(&self) -> LinkHooks {
        LinkHooks(self.hooks.clone())
    }
}

/// What the bridge calls.
pub struct LinkCallbacks<'a>(&'a mut dyn LinkCompiler);

impl fmt::Debug for LinkCallbacks<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LinkCallbacks")
    }
}

impl LinkCallbacks<'_> {
    pub(crate) fn reached(&mut self, step: LinkStep) {
        self.0.reached(step);
    }

    pub(crate) fn begin(&mut self, config: &LinkConfig) -> LinkBeginning {
        match as_error(|| self.0.begin(config)) {
            Ok(Some(directory)) => {
                let directory = directory.to_string_lossy().into_owned();
                let caches_as_lld = self.0.caches_as_lld();
                LinkBeginning { directory, caches_as_lld, ..LinkBeginning::default() }
            }
            Ok(None) => LinkBeginning { is_left_to_llvm: true, ..LinkBeginning::default() },
            Err(failure) => LinkBeginning { failure, ..LinkBeginning::default() },
        }
    }

    pub(crate) fn compile(&mut self, jobs: &mut Vec<LinkJob>, objects: &mut Vec<LinkObject>) -> String {
        match as_error(|| self.0.compile(mem::take(jobs))) {
            Ok(made) => {
                *objects = made;
                String::new()
            }
            Err(reason) => reason,
        }
    }

    pub(crate) fn finish(&mut self) {
        self.0.finish();
    }
}

/// lld ends as after any error where a panic would end the process in the middle of it.
fn as_error<T>(call: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(call)).unwrap_or_else(|_| {
        Err("a panic, which is a bug of this program, ended the ThinLTO backends".to_owned())
    })
}

/// Links as `ld.lld` does, `args` being the program's name and lld's arguments, with `compiler` at work where
/// there is bitcode with ThinLTO summaries. Whether the link succeeded; lld has printed why not.
///
/// `may_lend` if lld only reads the objects. It is given copies otherwise, which it can write to other files.
///
/// lld is made to be run once by a process, and an error that it calls fatal ends it. Only one link at
/// a time, and once.
pub fn link(args: &[OsString], may_lend: bool, compiler: &mut dyn LinkCompiler) -> bool {
    ffi::link(&arguments(args), may_lend, &mut LinkCallbacks(compiler))
}

/// The same arguments with `@FILE` replaced by what is in FILE, by lld's rules.
///
/// # Errors
/// Why that cannot be, in lld's words.
pub fn expand_response_files(args: &[OsString]) -> Result<Vec<OsString>, String> {
    let expanded = ffi::expand_response_files(&arguments(args));
    if !expanded.error.is_empty() {
        return Err(expanded.error);
    }
    Ok(expanded.arguments.into_iter().map(|argument| OsString::from_vec(argument.bytes)).collect())
}

/// Those of `words`, the options that lld has given to LLVM, that decide about code generation by way of lld's
/// configuration only. To be called before any job runs.
pub fn codegen_words(words: &[String]) -> Vec<CodegenWord> {
    ffi::codegen_words(words)
}

/// Says something in the form that lld has for its own, while it links. An error fails the link; the one that is too
/// many ends the process at once, after `clear_up`.
pub fn say_as_lld(message: &LinkMessage, clear_up: impl FnOnce()) {
    if ffi::ends_process(message.severity) {
        clear_up();
    }
    ffi::say_as_lld(message.severity, &message.text);
}

/// The first native object that the link, which has ended, took with bitcode beside its machine code (FatLTO), by lld's
/// name for it.
pub fn first_fat_object() -> Option<String> {
    Some(ffi::first_fat_object()).filter(|name| !name.is_empty())
}

/// Whether the link has compiled bitcode, for ThinLTO or regular LTO.
pub fn has_run_lto() -> bool {
    ffi::has_run_lto()
}

/// Ends the process with `code`, as lld does: what lld has left to do is done, and nothing is freed.
pub fn exit_as_lld(code: i32) -> ! {
    ffi::exit_as_lld(code);
    unreachable!("lld has ended the process")
}

pub(crate) fn arguments(args: &[OsString]) -> Vec<Argument> {
    args.iter().map(|arg| Argument { bytes: OsStr::as_bytes(arg).to_vec() }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::{Cc1, parse_cc1};

    struct Panicking;

    impl LinkCompiler for Panicking {
        fn reached(&mut self, _: LinkStep) {}

        fn begin(&mut self, _: &LinkConfig) -> Result<Option<PathBuf>, String> {
            panic!("in the middle of lld")
        }

        fn caches_as_lld(&self) -> bool {
            false
        }

        fn compile(&mut self, _: Vec<LinkJob>) -> Result<Vec<LinkObject>, String> {
            panic!("in the middle of lld")
        }

        fn finish(&mut self) {}
    }

    #[test]
    fn a_panic_fails_the_link() {
        let mut panicking = Panicking;
        let mut callbacks = LinkCallbacks(&mut panicking);
        let config = LinkConfig {
            codegen: parse_cc1(&Cc1::new(vec!["-cc1".to_owned()])).unwrap().options,
            hooks: SharedPtr::null(),
            dwo_directory: String::new(),
            threads: 1,
            cache_directory: String::new(),
            not_cacheable: String::new(),
            fatal_warnings: false,
            no_warnings: false,
            only_own_backends: String::new(),
            modules: Vec::new(),
        };
        assert!(callbacks.begin(&config).failure.contains("panic"));
        assert!(callbacks.compile(&mut Vec::new(), &mut Vec::new()).contains("panic"));
    }
}
