//! Prints one line of JSON that a function of C has a part in.

use serde::Serialize;

unsafe extern "C" {
    fn mix_in_c(a: u32, b: u32) -> u32;
}

#[derive(Serialize)]
struct Mixed {
    words: usize,
    sum: u32,
}

/// The caller that the test looks at: it has a name in the program, and one call of its own at most.
#[unsafe(no_mangle)]
#[inline(never)]
fn mix_in_rust(words: &[u32]) -> u32 {
    // SAFETY: the function computes with its arguments and nothing else.
    words.iter().fold(0, |sum, word| unsafe { mix_in_c(sum, *word) })
}

fn main() {
    let words: Vec<u32> = std::env::args().map(|arg| arg.len() as u32).chain(1..=1000).skip(1).collect();
    let mixed = Mixed { words: words.len(), sum: mix_in_rust(&words) };
    println!("{}", serde_json::to_string(&mixed).expect("two numbers are JSON"));
}
