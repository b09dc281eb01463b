//! Every bound and every wait, named, with its reason.

use std::time::Duration;

use super::backoff::Backoff;

/// The largest answer of a store that is read: nothing larger than 1 MiB fits a Secret, and a whole listing of names rarely exceeds
/// a few MiB.
pub const ANSWER_BYTES: usize = 8 << 20;
/// The largest sum of values that Kubernetes stores in one Secret (`MaxSecretSize`); it does not count the keys.
pub const SECRET_BYTES: usize = 1 << 20;
/// The longest key of a Secret.
pub const SECRET_KEY_BYTES: usize = 253;
/// Plaintext held between fetch and apply, over all namespaces.
pub const PLAINTEXT_BYTES: usize = 32 << 20;
/// Plaintext held for one namespace, so that no tenant can take the whole budget.
pub const PLAINTEXT_NAMESPACE_BYTES: usize = 4 << 20;
/// A store that does not accept a connection within this is down.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// A whole request to a store. Longer answers are time-outs (`Unavailable`).
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
/// Retries of a request whose connection was lost, when the store is configured without `retrySettings`. One: enough for a connection
/// that the server closed while idle; everything else is the business of the gate and of the controllers' schedule.
pub const READ_RETRIES: u32 = 1;
/// The wait of that retry.
pub const READ_RETRY: Backoff = Backoff { first: Duration::from_millis(200), most: Duration::from_secs(5) };
/// The longest `Retry-After` that a fetch waits out; a longer one is the business of the controllers' schedule, which
/// holds nothing while it waits.
pub const RETRY_AFTER_WAITED: Duration = Duration::from_secs(3);
/// The longest that a read waits before a closed gate. Whose store wants to be left alone for longer is told so, and holds nothing
/// meanwhile.
pub const GATE_WAITED: Duration = Duration::from_secs(30);
/// The longest `Retry-After` that is believed: a store that asks for more is asked again after this.
pub const RETRY_AFTER_BELIEVED: Duration = Duration::from_secs(3600);
/// HTTP clients kept for reuse (some 200 kB each). The one unused for longest goes; stores that hold it keep it.
pub const HTTP_CLIENTS: usize = 64;
/// Idle connections kept for one host, enough for the sends in flight of one gate.
pub const IDLE_CONNECTIONS: usize = 32;
/// How long an idle connection is kept. Below the idle time-outs of common load balancers (60 s), so that it is we who close.
pub const IDLE_CONNECTION_LIFE: Duration = Duration::from_secs(30);
/// Redirects followed in a row, and only within one origin.
pub const REDIRECTS: usize = 3;
/// Tokens are renewed when less than this is left of their life.
pub const TOKEN_MARGIN: Duration = Duration::from_secs(30);
/// Life of a ServiceAccount token that is exchanged at once: the least the API server grants.
pub const SERVICE_ACCOUNT_TOKEN: Duration = Duration::from_secs(600);
/// Life of a ServiceAccount token that a store uses as it is: an hour, as ESO asks for. One request an hour and store, and a token that
/// leaks is soon worthless.
pub const STORE_TOKEN: Duration = Duration::from_secs(3600);
/// A refused batch call is not tried again for this long (roles often allow single reads only).
pub const BATCH_REFUSED: Duration = Duration::from_secs(3600);
/// Single reads under way at once for keys that a batch call cannot ask for or has not answered. The gate counts the batch as one send.
pub const BATCH_SINGLES: usize = 5;
/// An object whose store has not been judged yet waits this long before its status says so.
pub const FLOOD_GATE: Duration = Duration::from_secs(10);
/// Stores of one identity are judged by one login, a moment apart: so long new objects of the first wait for the others, so that one
/// read serves all.
pub const JUDGED_TOGETHER: Duration = Duration::from_secs(2);
/// Failures in a row after which a store counts as down.
pub const DOWN_AFTER: u32 = 3;
/// How often the stores of one quota are asked while they are down, by reads and by proofs together.
pub const PROBE_EVERY: Duration = Duration::from_secs(2);
/// After this a read or an opening that a store failed to answer is tried once more, by the queue of reads: a blip of a store must not
/// become the status of every object that was just being read.
pub const BLIP: Duration = Duration::from_millis(200);
/// The shortest time between two ticks, whatever an object asks for: a tenant's `refreshInterval: 1ns` is no hot loop.
pub const SHORTEST_INTERVAL: Duration = Duration::from_secs(1);
/// What an object names is often applied together with it, and seen a moment later, on a busy API server seconds later: so long its
/// absence is no error.
pub const NOT_SEEN_YET: Duration = Duration::from_secs(5);
/// Waits of an object that has never been synced.
pub const NEVER_SYNCED: Backoff = Backoff { first: Duration::from_secs(5), most: Duration::from_secs(300) };
/// Waits of a synced object after a transient failure.
pub const SYNCED_TRANSIENT: Backoff =
    Backoff { first: Duration::from_secs(1), most: Duration::from_secs(300) };
/// The longest wait of a synced object after any other failure; its interval if that is shorter.
pub const SYNCED_OTHER: Duration = Duration::from_secs(600);
/// Writes to the API server under way at once.
pub const WRITES_IN_FLIGHT: usize = 32;
/// Depth of folders that a recursive find descends to.
pub const FIND_DEPTH: usize = 32;
/// Entries that one find may yield; more is an error, never a part.
pub const FIND_ENTRIES: usize = 10_000;
/// Names that one find may look at (100 000 names of 60 bytes are 6 MB).
pub const FIND_VISITED: usize = 100_000;
/// Entries that one page of a listing with values asks for. Where such a page is larger than an answer may be, pages of a tenth follow.
pub const LIST_PAGE: usize = 500;
/// Reads and listings of one find under way at once. The gate counts a find as one send, so this stays small.
pub const FIND_IN_FLIGHT: usize = 8;
/// What a look at a token or a mount said is believed for this long: a store with many absent or forbidden keys asks once a minute, and a
/// mount that is replaced by another kind is noticed within it.
pub const LOOK_BELIEVED: Duration = Duration::from_secs(60);
/// An empty complete answer proves absence only when a second read, at least this much later, is empty too.
pub const ABSENCE_CONFIRMATION: Duration = Duration::from_secs(10);
/// A compiled regular expression. Enough for every class of Unicode in every place of a pattern that a person writes; a pattern of
/// nested repetitions cannot take the memory of the process.
pub const PATTERN_BYTES: usize = 4 << 20;
/// Rounds of a key derivation that an encrypted private key may ask for: some tenths of a second of one core.
pub const KEY_DERIVATION_ROUNDS: u32 = 1_000_000;
/// A message of a condition or an event: what the API server takes for an event.
pub const MESSAGE_BYTES: usize = 1024;
/// Steps (about a microsecond each) of one template's rendering: a key of 4096 bits and a hashed password fit in, an endless loop ends
/// after a second.
pub const TEMPLATE_STEPS: u64 = 1_000_000;
/// Steps that all templates of one object take on the thread which serves all objects. Ordinary ones take a hundredth of it; once they are
/// spent, the object is put off and rendered aside.
pub const TEMPLATE_STEPS_IN_PLACE: u64 = 5_000;
/// Bytes of a template's text that are looked through and digested in a step.
pub const TEMPLATE_READ_STEP: usize = 256;
/// Bytes of a template's text that are compiled in a step: more than 80 kB are compiled aside.
pub const TEMPLATE_COMPILED_STEP: usize = 16;
/// Objects with slow templates that are read and rendered at a time, one of a namespace. One rendering may hold some 128 MiB before its steps
/// run out, half of what the chart gives to the process, so of these one renders at a time.
pub const SLOW_OBJECTS: usize = 4;
/// How long the stores of such an object may take before it is the next one's turn.
pub const SLOW_ASKS: Duration = Duration::from_secs(5);
/// All templates of one object's keys together, and again of its target. A reconcile that takes longer is not one that anybody waits for.
pub const TEMPLATE_TIME: Duration = Duration::from_secs(10);
/// What these templates render, and each text that they make on the way: several times what a Secret can hold.
pub const TEMPLATE_BYTES: usize = 4 << 20;
/// Text of templates that are held compiled while one object is rendered, so that each is compiled once however often it is used: the
/// largest ConfigMap.
pub const TEMPLATE_HELD_BYTES: usize = 1 << 20;
/// Compiled templates that are kept, twice: those used last, and those used before them.
pub const TEMPLATES_KEPT_BYTES: usize = 512 << 10;
/// What a compiled template counts beside what it weighs, so that many small ones are bounded too.
pub const TEMPLATE_KEPT_BYTES: usize = 1 << 10;
/// ConfigMaps that are kept, twice: those used last, and those used before them.
pub const SHELF_BYTES: usize = 256 << 10;
/// What a text that is kept counts beside its name and content, and so does the object that it lies in.
pub const TEXT_KEPT_BYTES: usize = 256;
