//! Takes parts away from a program and its link as long as the linkers still differ.

use crate::link::Link;
use crate::program::{Format, Place, Program};
use crate::symbol::{Home, Visibility};

/// How often the linkers are tried at most.
const TRIES: usize = 300;

/// The smallest program and link found for which `differs` is true, as it is for those given.
pub fn shrink(
    program: &Program,
    link: &Link,
    mut differs: impl FnMut(&Program, &Link) -> bool,
) -> (Program, Link) {
    let (mut program, mut link) = (program.clone(), link.clone());
    let mut tries = 0;
    loop {
        let mut smaller = false;
        let mut step = 0;
        // The steps of what is left after a success start where those before it ended.
        while let Some((less, shorter)) = nth_step(&program, &link, step) {
            if tries == TRIES {
                return (program, link);
            }
            tries += 1;
            if differs(&less, &shorter) {
                (program, link) = (less, shorter);
                smaller = true;
            } else {
                step += 1;
            }
        }
        if !smaller {
            return (program, link);
        }
    }
}

/// The program and link with one part less: the largest parts come first.
fn nth_step(program: &Program, link: &Link, step: usize) -> Option<(Program, Link)> {
    let mut steps = Steps { program, link, found: Vec::new() };
    steps.modules();
    steps.options();
    steps.symbols();
    steps.flags();
    steps.uses();
    steps.attributes();
    steps.found.into_iter().nth(step)
}

struct Steps<'a> {
    program: &'a Program,
    link: &'a Link,
    found: Vec<(Program, Link)>,
}

impl Steps<'_> {
    fn with_program(&mut self, change: impl FnOnce(&mut Program)) {
        let mut program = self.program.clone();
        change(&mut program);
        self.found.push((program, self.link.clone()));
    }

    fn modules(&mut self) {
        for number in (1..self.program.modules.len()).filter(|&number| self.program.has(number)) {
            let without = |symbol: usize| {
                let symbol = &self.program.symbols[symbol];
                symbol.home != Home::Module(number)
            };
            let mut program = self.program.with_symbols(without);
            program.modules[number].uses.clear();
            for symbol in &mut program.symbols {
                symbol.again = symbol.again.filter(|&again| again != number);
                symbol.wrapper = symbol.wrapper.filter(|&wrapper| wrapper != number);
            }
            self.found.push((program, self.link.clone()));
        }
    }

    fn options(&mut self) {
        for number in 0..self.link.options.len() {
            let mut link = self.link.clone();
            link.options.remove(number);
            self.found.push((self.program.clone(), link));
        }
    }

    fn symbols(&mut self) {
        for number in 0..self.program.symbols.len() {
            self.found.push((self.program.with_symbols(|symbol| symbol != number), self.link.clone()));
        }
    }

    fn flags(&mut self) {
        for number in 1..self.program.flags.len() {
            self.with_program(|program| {
                program.flags.remove(number);
            });
        }
        for number in self.program.present() {
            let module = &self.program.modules[number];
            for flag in 0..module.flags.len() {
                self.with_program(|program| {
                    program.modules[number].flags.remove(flag);
                });
            }
            if module.format != Format::Thin && module.place != Place::SharedLibrary {
                self.with_program(|program| program.modules[number].format = Format::Thin);
            }
            if module.place != Place::Object {
                self.with_program(|program| program.modules[number].place = Place::Object);
            }
            if module.cxx && !self.program.has_shape(|shape| shape.is_cxx()) {
                self.with_program(|program| program.modules[number].cxx = false);
            }
        }
    }

    fn uses(&mut self) {
        for number in self.program.present() {
            for used in 0..self.program.modules[number].uses.len() {
                self.with_program(|program| {
                    program.modules[number].uses.remove(used);
                });
            }
        }
        for number in 0..self.program.symbols.len() {
            for used in 0..self.program.symbols[number].uses.len() {
                self.with_program(|program| {
                    program.symbols[number].uses.remove(used);
                });
            }
        }
    }

    fn attributes(&mut self) {
        for number in 0..self.program.symbols.len() {
            let symbol = &self.program.symbols[number];
            if symbol.weak && symbol.home != Home::Nowhere {
                self.with_program(|program| program.symbols[number].weak = false);
            }
            if symbol.again.is_some() {
                self.with_program(|program| program.symbols[number].again = None);
            }
            if symbol.wrapper.is_some() {
                self.with_program(|program| program.symbols[number].wrapper = None);
            }
            if symbol.visibility != Visibility::Default {
                self.with_program(|program| program.symbols[number].visibility = Visibility::Default);
            }
        }
    }
}
