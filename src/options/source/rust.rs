//! The `rust` source: modules that rustc made have no clang command line, but say what they are for.

use llvm_build::ModuleRecord;

/// The mark in the producer of rustc's bitcode, as in `LLVM22.1.2-rust-1.95.0-stable`.
const PRODUCER: &str = "-rust-";

/// Whether rustc wrote the bitcode of this producer.
pub fn is_rust(producer: &str) -> bool {
    producer.contains(PRODUCER)
}

/// clang options that generate code as rustc would for a module with this target `triple`.
///
/// From the module: target, CPU and features, position independence, code model, and -Os or -Oz if
/// every function is marked for size. The rest is rustc's habit: sections for every function and
/// datum. The optimisation level is not in a module: lld's own default, -O2, is taken. Options that
/// follow override these.
pub fn options(triple: &str, record: &ModuleRecord) -> Vec<String> {
    let level = match record.size_level {
        0 => "-O2",
        1 => "-Os",
        _ => "-Oz",
    };
    let position = match (record.pic_level, record.pie_level) {
        (0, 0) => "-fno-pic",
        (1, 0) => "-fpic",
        (_, 0) => "-fPIC",
        (_, 1) => "-fpie",
        _ => "-fPIE",
    };
    let mut options = vec![format!("--target={triple}")];
    options.extend([level, position, "-ffunction-sections", "-fdata-sections"].map(str::to_owned));
    if !record.code_model.is_empty() {
        options.push(format!("-mcmodel={}", record.code_model));
    }
    // In cc1's words, which are LLVM's and the same for every target.
    let mut cc1 = |name: &str, value: &str| {
        options.extend(["-Xclang", name, "-Xclang", value].map(str::to_owned));
    };
    if !record.target_cpu.is_empty() {
        cc1("-target-cpu", &record.target_cpu);
    }
    for feature in record.target_features.split(',').filter(|feature| !feature.is_empty()) {
        cc1("-target-feature", feature);
    }
    options
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_producer_says_who_wrote_the_module() {
        assert!(is_rust("LLVM22.1.2-rust-1.95.0-stable"));
        assert!(!is_rust("LLVM22.1.8"));
    }

    #[test]
    fn the_module_says_what_it_is_for() {
        let record = ModuleRecord {
            target_cpu: "cortex-a53".to_owned(),
            target_features: "+v8a,-fp-armv8".to_owned(),
            pic_level: 2,
            size_level: 2,
            ..ModuleRecord::default()
        };
        let options = options("aarch64-unknown-linux-gnu", &record).join(" ");
        assert_eq!(
            options,
            "--target=aarch64-unknown-linux-gnu -Oz -fPIC -ffunction-sections -fdata-sections \
             -Xclang -target-cpu -Xclang cortex-a53 -Xclang -target-feature -Xclang +v8a \
             -Xclang -target-feature -Xclang -fp-armv8"
        );
    }
}
