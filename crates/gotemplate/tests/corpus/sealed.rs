//! SEC-04: templates reach nothing. The recorded cases are rendered in a thread whose every request to the kernel ends the process,
//! but those for memory, for locks and for its own end.

use std::cell::Cell;
use std::collections::HashMap;
use std::os::unix::process::ExitStatusExt;
use std::process::Command;
use std::thread;

use seccompiler::{BpfProgram, SeccompAction, SeccompFilter};
use serde_json::Value as Json;

use crate::case::answer_by;
use crate::record::{cases, topics};

/// What a thread needs that only computes.
const HARMLESS: &[libc::c_long] = &[
    libc::SYS_brk,
    libc::SYS_exit,
    libc::SYS_futex,
    libc::SYS_madvise,
    libc::SYS_mmap,
    libc::SYS_mprotect,
    libc::SYS_mremap,
    libc::SYS_munmap,
    libc::SYS_rt_sigprocmask,
    libc::SYS_sched_yield,
    libc::SYS_sigaltstack,
];

/// Does something in a thread that is sealed.
fn sealed<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    let rules = HARMLESS.iter().map(|call| (*call, Vec::new())).collect();
    let target = std::env::consts::ARCH.try_into().unwrap();
    let filter = SeccompFilter::new(rules, SeccompAction::KillProcess, SeccompAction::Allow, target);
    let filter: BpfProgram = filter.unwrap().try_into().unwrap();
    thread::scope(|scope| {
        let run = || {
            // A thread's first map asks for random bytes, by which its maps are ordered.
            let _maps = HashMap::from([(1, 1)]);
            seccompiler::apply_filter(&filter).unwrap();
            work()
        };
        scope.spawn(run).join().unwrap()
    })
}

/// How many of the cases are answered with text.
fn rendered(cases: &[Json]) -> usize {
    let last = Cell::new(1u64);
    let random = |buffer: &mut [u8]| {
        for byte in buffer {
            last.set(
                last.get().wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407),
            );
            *byte = (last.get() >> 56) as u8;
        }
    };
    cases.iter().filter(|case| answer_by(case, &random).unwrap().is_ok()).count()
}

#[test]
fn sec_04_no_template_asks_the_kernel_for_more_than_memory() {
    let cases: Vec<_> = topics().iter().map(|topic| cases(topic)).collect();
    let count: usize = thread::scope(|scope| {
        let threads: Vec<_> = cases.iter().map(|cases| scope.spawn(|| sealed(|| rendered(cases)))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert!(count > 5000, "{count}");
}

/// Set for the process that is to be ended.
const KNOCK: &str = "KEYFERRY_KNOCK";

#[test]
fn sec_04_who_asks_for_more_is_ended() {
    if std::env::var_os(KNOCK).is_some() {
        sealed(|| std::net::ToSocketAddrs::to_socket_addrs("localhost:80").is_ok());
        return;
    }
    let program = std::env::current_exe().unwrap();
    let this = ["--exact", "sealed::sec_04_who_asks_for_more_is_ended"];
    let knock = Command::new(program).args(this).env(KNOCK, "1").output().unwrap();
    assert_eq!(knock.status.signal(), Some(libc::SIGSYS), "{knock:?}");
}
