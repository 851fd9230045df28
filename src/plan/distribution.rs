//! The description of jobs that LLVM writes for a DTLTO distributor, as JSON.
//!
//! The form is that of LLVM's DTLTO document and of `llvm/utils/dtlto/validate.py`: of each job, the first
//! input is the module, the second its index, the first output the native object; a compile command is the
//! common arguments and then the job's. LLVM 22 writes it in `class OutOfProcessThinBackend` of
//! llvm/lib/LTO/LTO.cpp.

use std::fmt;
use std::fs;
use std::io;
use std::marker::PhantomData;
use std::path::{Path, PathBuf};

use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// The backend jobs of one link, as lld describes them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[doc(hidden)]
pub struct Distribution {
    /// What the link makes.
    pub linker_output: String,
    /// The compiler that lld was told of, and with it words that choose one of several it can be.
    pub compiler: Vec<String>,
    /// The arguments all jobs have.
    pub common: CommonArgs,
    /// The jobs.
    pub jobs: Vec<DistributedJob>,
    /// Fields that this reader does not know and passes over, such as `jobs.0.priority`.
    pub unknown: Vec<String>,
}

/// The arguments all jobs have, by who gave them. Together, in this order, they are what lld asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[doc(hidden)]
pub struct CommonArgs {
    /// `--thinlto-remote-compiler-prepend-arg`.
    pub prepended: Vec<String>,
    /// What lld makes up itself, from its own options and defaults.
    pub linkers: Vec<String>,
    /// `--thinlto-remote-compiler-arg`.
    pub appended: Vec<String>,
}

/// One job.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[doc(hidden)]
pub struct DistributedJob {
    /// The module id, which is also its path.
    pub module: String,
    /// Its index.
    pub index: String,
    /// The native object.
    pub output: String,
    /// Arguments besides those that name the files above.
    pub args: Vec<String>,
}

/// A description that cannot be used.
#[derive(Debug, thiserror::Error)]
#[doc(hidden)]
pub enum DistributionError {
    /// The file cannot be read.
    #[error("cannot read the job description {}: {error}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// It is no JSON, or something in it is not as it must be.
    #[error("{} is not a job description as ld.lld 22 writes it for --thinlto-distributor: {reason}", path.display())]
    Shape {
        /// The file.
        path: PathBuf,
        /// The field, and what is wrong with it.
        reason: String,
    },
}

#[derive(Deserialize)]
struct Text {
    common: ByName<Common>,
    jobs: Vec<ByName<Job>>,
}

#[derive(Deserialize)]
struct Common {
    linker_output: String,
    args: Vec<String>,
    /// Files that arguments name: for who sends them to another machine.
    #[serde(rename = "inputs")]
    _inputs: Vec<String>,
}

#[derive(Deserialize)]
struct Job {
    args: Vec<String>,
    inputs: Vec<String>,
    outputs: Vec<String>,
}

/// A `T` that was written with the names of its fields: serde would also take an array of their values.
struct ByName<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for ByName<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Fields<T> {
            type Value = ByName<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, fields: A) -> Result<Self::Value, A::Error> {
                T::deserialize(MapAccessDeserializer::new(fields)).map(ByName)
            }
        }
        deserializer.deserialize_map(Fields(PhantomData))
    }
}

impl Distribution {
    /// Reads the description at `path`.
    ///
    /// # Errors
    /// The file cannot be read, or a field is missing or of another type than it must be.
    pub fn read(path: &Path) -> Result<Self, DistributionError> {
        let text =
            fs::read(path).map_err(|error| DistributionError::Read { path: path.to_owned(), error })?;
        Self::parse(&text).map_err(|reason| DistributionError::Shape { path: path.to_owned(), reason })
    }

    /// Parses a description; the error names the field.
    fn parse(text: &[u8]) -> Result<Self, String> {
        let mut unknown = Vec::new();
        let mut track = serde_path_to_error::Track::new();
        let mut json = serde_json::Deserializer::from_slice(text);
        let tracked = serde_path_to_error::Deserializer::new(&mut json, &mut track);
        let read = serde_ignored::deserialize(tracked, |field| unknown.push(field.to_string()));
        let ByName(Text { common: ByName(common), jobs }) =
            read.map_err(|error| match track.path().to_string().as_str() {
                field if error.is_data() && field != "." => format!("{field}: {error}"),
                _ => error.to_string(),
            })?;
        json.end().map_err(|error| error.to_string())?;

        let (compiler, common_args) = split(common.args)?;
        let job = |(position, ByName(job)): (usize, ByName<Job>)| {
            job.read().map_err(|reason| format!("jobs[{position}].{reason}"))
        };
        Ok(Self {
            linker_output: common.linker_output,
            compiler,
            common: common_args,
            jobs: jobs.into_iter().enumerate().map(job).collect::<Result<_, _>>()?,
            unknown,
        })
    }
}

impl Job {
    /// The files, and what else the arguments say.
    fn read(self) -> Result<DistributedJob, String> {
        let mut inputs = self.inputs.into_iter();
        let (Some(module), Some(index)) = (inputs.next(), inputs.next()) else {
            return Err("inputs: a job has two at least, its module and its index".to_owned());
        };
        let Some(output) = self.outputs.into_iter().next() else {
            return Err("outputs: a job has one at least, its native object".to_owned());
        };
        let mut args = self.args;
        for named in
            [&[module.clone()][..], &[format!("-fthinlto-index={index}")], &["-o".to_owned(), output.clone()]]
        {
            let Some(at) = args.windows(named.len()).position(|window| window == named) else {
                return Err(format!("args: \"{}\" is not among them", named.join("\", \"")));
            };
            args.drain(at..at + named.len());
        }
        Ok(DistributedJob { module, index, output, args })
    }
}

impl DistributedJob {
    /// What lld took the module from, if that is not a file with bitcode in it: `lib.a(x.o at 80)`, or the
    /// name of a FatLTO object. Its directory is not told.
    ///
    /// lld gives such a module a file of its own for the time of the link, `NAME.NUMBER.PID.o` with lld's
    /// process id in hexadecimal digits (llvm/lib/DTLTO/DTLTO.cpp), beside the native objects, which are
    /// `STEM.TASK.PID.native.o` with the same process id.
    pub fn taken_from(&self) -> Option<&str> {
        let process = self.output.strip_suffix(".native.o")?.rsplit('.').next()?;
        let process: u32 = process.parse().ok()?;
        let module = &self.module[self.module.rfind('/').map_or(0, |slash| slash + 1)..];
        let numbered = module.strip_suffix(&format!(".{process:X}.o"))?;
        let (name, number) = numbered.rsplit_once('.')?;
        let is_number = !number.is_empty() && number.bytes().all(|digit| digit.is_ascii_digit());
        (is_number && !name.is_empty()).then_some(name)
    }
}

/// Splits the common arguments: the compiler, and who gave what.
///
/// lld writes the compiler, the user's arguments to put first, its own and the user's to put last, with
/// nothing in between, so its own are found by what they are. Where they are not there, all are the user's.
fn split(args: Vec<String>) -> Result<(Vec<String>, CommonArgs), String> {
    let mut args = args.into_iter();
    let Some(compiler) = args.next() else {
        return Err("common.args: the first is the compiler, but there is none".to_owned());
    };
    let mut rest: Vec<String> = args.collect();
    let (start, end) = linkers_own(&rest).unwrap_or((0, 0));
    let appended = rest.split_off(end);
    let linkers = rest.split_off(start);
    // `llvm clang`: the word is part of the program's name.
    let words = rest.iter().take_while(|word| !word.starts_with('-')).count();
    let prepended = rest.split_off(words);
    let compiler = [compiler].into_iter().chain(rest).collect();
    Ok((compiler, CommonArgs { prepended, linkers, appended }))
}

/// Where lld's own arguments begin and end: with `-c --target=TRIPLE -ON`, and with the warning that it always
/// turns off last of all (`buildCommonRemoteCompilerOptions`). What stands between depends on its options.
fn linkers_own(args: &[String]) -> Option<(usize, usize)> {
    let is_beginning = |window: &[String]| {
        window[0] == "-c" && window[1].starts_with("--target=") && window[2].starts_with("-O")
    };
    let start = args.windows(3).position(is_beginning)?;
    let length = args[start..].iter().position(|arg| arg == "-Wno-unused-command-line-argument")?;
    Some((start, start + length + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOUND: &str = r#"{
        "common": {"linker_output": "o.so", "args": ["clang", "-c", "--target=t", "-O2", "-fpic",
            "-Wno-unused-command-line-argument", "-fpic"], "inputs": []},
        "jobs": [
            {"args": ["a.o", "-fthinlto-index=a.bc", "-o", "a.1.27.native.o"],
             "inputs": ["a.o", "a.bc", "b.o"], "outputs": ["a.1.27.native.o"]},
            {"args": ["b.o", "-fthinlto-index=b.bc", "-o", "b.2.27.native.o"],
             "inputs": ["b.o", "b.bc"], "outputs": ["b.2.27.native.o"]}]}"#;

    fn words(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    fn shown(args: &str) -> [String; 4] {
        let (compiler, CommonArgs { prepended, linkers, appended }) = split(words(args)).unwrap();
        [compiler, prepended, linkers, appended].map(|args| args.join(" "))
    }

    #[test]
    fn a_description_is_read() {
        let read = Distribution::parse(SOUND.as_bytes()).unwrap();
        assert_eq!(read.compiler, ["clang"]);
        assert_eq!(read.common.appended, ["-fpic"]);
        assert_eq!((read.linker_output.as_str(), read.unknown.len(), read.jobs.len()), ("o.so", 0, 2));
        let expected = DistributedJob {
            module: "a.o".to_owned(),
            index: "a.bc".to_owned(),
            output: "a.1.27.native.o".to_owned(),
            args: Vec::new(),
        };
        assert_eq!(read.jobs[0], expected);
    }

    #[test]
    fn fields_of_a_later_lld_are_passed_over_and_named() {
        let text = SOUND
            .replace("\"linker_output\"", "\"schema\": {\"version\": 2}, \"linker_output\"")
            .replace("{\"args\": [\"b.o\"", "{\"priority\": 1, \"args\": [\"b.o\"");
        let read = Distribution::parse(text.as_bytes()).unwrap();
        assert_eq!(read.unknown, ["common.schema", "jobs.1.priority"]);
        assert_eq!(read.jobs, Distribution::parse(SOUND.as_bytes()).unwrap().jobs);
    }

    #[test]
    fn what_is_wrong_is_told_with_its_field() {
        for (old, new, told) in [
            ("\"linker_output\": \"o.so\", ", "", "common: missing field `linker_output`"),
            ("\"o.so\"", "7", "common.linker_output: invalid type: integer `7`, expected a string"),
            ("\"-c\"", "null", "common.args[1]: invalid type: null"),
            ("\"inputs\": []", "\"input\": []", "common: missing field `inputs`"),
            ("\"inputs\": []", "\"inputs\": {}", "common.inputs: invalid type: map"),
            ("\"jobs\": [", "\"jobs\": [3,", "jobs[0]: invalid type: integer `3`"),
            ("\"inputs\": [\"b.o\", \"b.bc\"],", "", "jobs[1]: missing field `inputs`"),
            ("[\"b.o\", \"b.bc\"]", "[\"b.o\", 1.5]", "jobs[1].inputs[1]: invalid type: floating point"),
            ("[\"b.o\", \"b.bc\"]", "[\"b.o\"]", "jobs[1].inputs: a job has two at least"),
            ("[\"b.2.27.native.o\"]", "[]", "jobs[1].outputs: a job has one at least"),
            ("[\"b.2.27.native.o\"]", "\"b\"", "jobs[1].outputs: invalid type: string"),
            ("-fthinlto-index=b.bc", "-O1", "jobs[1].args: \"-fthinlto-index=b.bc\" is not among them"),
            ("\"-o\", \"b.2.27", "\"-o\", \"c.2.27", "jobs[1].args: \"-o\", \"b.2.27.native.o\" is not"),
            ("]}", "]", "EOF while parsing"),
            ("\"outputs\": [\"a", "\"outputs\" [\"a", "expected `:` at line"),
            ("{\n", "[{\n", "invalid type: sequence, expected an object"),
            ("\"common\": {", "\"common\": [{", "common: invalid type: sequence, expected an object"),
            (
                "\"jobs\": [",
                "\"jobs\": [[[], [], []],",
                "jobs[0]: invalid type: sequence, expected an object",
            ),
        ] {
            let text = SOUND.replacen(old, new, 1);
            assert_ne!(text, SOUND, "{old}");
            let error = Distribution::parse(text.as_bytes()).unwrap_err();
            assert!(error.contains(told), "{new}: {error}");
        }
        let empty = SOUND.split_once("\"clang\"").unwrap();
        let empty = format!("{}], \"inputs\": []}}, \"jobs\": []}}", empty.0);
        assert!(Distribution::parse(empty.as_bytes()).unwrap_err().starts_with("common.args: "));
        assert!(Distribution::parse(format!("{SOUND}x").as_bytes()).unwrap_err().contains("trailing"));
    }

    #[test]
    fn llds_own_arguments_are_told_from_the_users() {
        let all = "-c --target=x86_64-pc-linux-gnu -O3 -faddrsig -ffunction-sections -fdata-sections -fpic \
                   -mllvm -no-pgo-warn-mismatch -fprofile-sample-use=p -Wno-unused-command-line-argument";
        let all = words(all).join(" ");
        assert_eq!(shown(&format!("cc -g {all} -fpic -O1")), ["cc", "-g", &all, "-fpic -O1"]);
        let least = "-c --target=t -O0 -Wno-unused-command-line-argument";
        assert_eq!(shown(&format!("llvm clang {least}")), ["llvm clang", "", least, ""]);
        // What lld 22 writes always ends so; without it nobody knows where the user's begin.
        let other = "-c --target=t -O2 -fpic -g";
        assert_eq!(shown(&format!("cc {other}")), ["cc", "", "", other]);
        assert_eq!(shown("cc"), ["cc", "", "", ""]);
    }

    #[test]
    fn a_jobs_further_arguments_are_kept() {
        let text = SOUND.replace("\"b.o\", \"-fthin", "\"b.o\", \"-g\", \"-fthin");
        assert_eq!(Distribution::parse(text.as_bytes()).unwrap().jobs[1].args, ["-g"]);
    }

    #[test]
    fn what_lld_extracted_is_known_by_llds_process() {
        let from = |module: &str, output: &str| {
            let job = DistributedJob {
                module: module.to_owned(),
                output: output.to_owned(),
                ..DistributedJob::default()
            };
            job.taken_from().map(str::to_owned)
        };
        let object = "out/x.2.24910.native.o";
        assert_eq!(from("out/lib.a(b.o at 78).2.614E.o", object).as_deref(), Some("lib.a(b.o at 78)"));
        assert_eq!(from("fat.o.12.614E.o", object).as_deref(), Some("fat.o"));
        for file in ["b.o", "b.2.614F.o", "b.614E.o", "b.x.614E.o", "2.614E.o", ".2.614E.o", ""] {
            assert_eq!(from(file, object), None, "{file}");
        }
        assert_eq!(from("fat.o.12.614E.o", "fat.native.o"), None);
    }

    #[test]
    fn any_text_is_read_or_refused() {
        for (at, _) in SOUND.char_indices() {
            let (before, after) = SOUND.split_at(at);
            let _ = Distribution::parse(before.as_bytes());
            for special in ["\"", "[", "]", "{", "}", ",", "1", "\0", "\u{ff}"] {
                let _ = Distribution::parse(format!("{before}{special}{}", &after[1..]).as_bytes());
            }
        }
    }
}
