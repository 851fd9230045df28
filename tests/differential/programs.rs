//! Programs that people use, linked as position-independent executables by both linkers, and run.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use thinfarm_corpora::{
    Corpus, Invocation, Source, Sources, compile, default_jobs, products_dir, zstd_program,
};

use crate::Suite;
use crate::link::{Link, Output};
use crate::linkers::Agreed;

/// A program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// zstd's command line.
    Zstd,
    /// Lua, with a command line of ours.
    Lua,
    /// SQLite, with a command line of ours.
    Sqlite,
}

impl Subject {
    /// All, the quickest first.
    pub const ALL: [Subject; 3] = [Subject::Lua, Subject::Zstd, Subject::Sqlite];

    /// Whether `make test` does without it.
    pub fn is_large(self) -> bool {
        self == Subject::Sqlite
    }

    /// The sources, `main` included.
    fn sources(self) -> Result<Sources> {
        let with_main = |corpus: Corpus, main: &str| -> Result<Sources> {
            let mut sources = corpus.sources()?;
            let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/differential/programs");
            sources.files.push(Source::new(&root, main));
            Ok(sources)
        };
        match self {
            Subject::Zstd => zstd_program(),
            Subject::Lua => with_main(Corpus::Lua, "lua.c"),
            Subject::Sqlite => with_main(Corpus::Sqlite, "sqlite.c"),
        }
    }

    /// A small piece of work, and what it prints.
    fn work(self, program: &Path, dir: &Path) -> Result<()> {
        let run = |args: &[&str]| -> Result<String> {
            let done = Invocation::new(program, dir).args(args).capture()?;
            Ok(String::from_utf8_lossy(&done.stdout).into_owned())
        };
        let printed = match self {
            Subject::Lua => run(&[
                "t = {} for i = 1, 10 do t[#t + 1] = string.format('%d', i * i) end",
                "print(table.concat(t, ' '), (('abc'):gsub('b', string.upper)))",
            ])?,
            Subject::Sqlite => run(&[
                "create table t(a, b); insert into t values (1, 'one'), (2, 'two'), (3, 'three')",
                "select sum(a) as sum, group_concat(upper(b)) as words from t where a > 1 order by b",
            ])?,
            Subject::Zstd => {
                let text = "some text, and some text again\n".repeat(1000);
                fs::write(dir.join("text"), &text)?;
                run(&["-q", "-f", "-19", "text", "-o", "text.zst"])?;
                run(&["-q", "-f", "-d", "text.zst", "-o", "restored"])?;
                let restored = fs::read_to_string(dir.join("restored"))?;
                ensure!(restored == text, "zstd does not restore what it compressed");
                String::new()
            }
        };
        let expected = match self {
            Subject::Lua => "1 4 9 16 25 36 49 64 81 100\taBc\n",
            Subject::Sqlite => "sum=5|words=TWO,THREE\n",
            Subject::Zstd => "",
        };
        ensure!(printed == expected, "{self:?} prints {printed:?} instead of {expected:?}");
        Ok(())
    }
}

/// Links `subject` by both.
///
/// # Errors
/// The outputs differ, or do not work.
pub fn check(suite: &Suite, subject: Subject) -> Result<()> {
    let sources = subject.sources()?;
    let codegen = ["-O1", "-fPIE"].map(str::to_owned);
    let flags = [sources.flags.clone(), codegen.to_vec()].concat();
    let dir: PathBuf = products_dir().join("programs").join(format!("{subject:?}").to_lowercase());
    let objects = compile(&suite.linkers.tools, &sources.files, &flags, &dir, default_jobs())?;
    let objects: Vec<String> = objects.iter().map(|object| object.display().to_string()).collect();
    let inputs = [&objects[..], &["-lpthread", "-ldl", "-lm"].map(str::to_owned)].concat();
    let args = suite.surroundings.around(Output::Pie, &inputs);
    let agreed = suite.linkers.compare(&dir, &args, None)?;
    ensure!(matches!(agreed, Agreed::Linked), "lld refuses {subject:?}");
    subject.work(&dir.join("ours").join(Link::NAME), &dir)?;
    suite.tally.add(1, 0);
    suite.tally.ran();
    Ok(())
}
