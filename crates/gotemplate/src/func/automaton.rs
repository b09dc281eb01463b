//! The engine for regular expressions that are too large for the one of the `regex` crate. That one has an automaton
//! over bytes, in which each copy of a class takes a state for each way to begin one of its characters or to go on with
//! it: hundreds for `\pL`. This one is over characters, as Go's own is. A copy of a class is one state, and all copies
//! share its ranges, so `\pL{1000}` has a thousand states and a few.
//!
//! Both find the same, because this is the other's own way, its `PikeVM`, with characters for bytes: the states lie as
//! its compiler lays them, all ways through them are followed at once, a character at a time, and where two ways meet
//! only the preferred one goes on.

use regex_syntax::hir::{Class, ClassUnicode, Hir, HirKind, Look, Repetition};

use crate::func::letter::chars;
use crate::quote::first_char;

/// What a slot holds before a position is noted in it.
const UNSET: usize = usize::MAX;

/// A state. Where it leads to is told by the distance, so that states can be copied as they are.
#[derive(Clone, Copy)]
enum State {
    /// Takes this character.
    Char(char),
    /// Takes a character of the class with this number.
    Class(usize),
    /// Takes nothing, and is passed only where this holds.
    Look(Look),
    /// Notes the position in this slot.
    Save(usize),
    /// Leads to the next state and to the one so far away; which of them is preferred.
    Fork { by: isize, next_first: bool },
    /// Leads to the state so far away.
    Jump(isize),
    /// All of the expression has matched.
    Match,
}

/// The last character that was looked up in a class, and whether it is in it: copies of a class ask one after another.
type Answer = Option<(char, bool)>;

/// What a state takes, in bytes: itself and, while something is searched, when it was met, a way that is still to be
/// followed and, twice, a thread with its slots.
const fn state_bytes(slots: usize) -> usize {
    size_of::<State>() + size_of::<u64>() + size_of::<Todo>() + 2 * (1 + slots) * size_of::<usize>()
}

/// An expression as states. Matches begin in the first.
pub(super) struct Automaton {
    states: Vec<State>,
    classes: Vec<ClassUnicode>,
    /// How many positions are noted: where the match and each group that is asked for begins and ends.
    slots: usize,
}

impl Automaton {
    /// The automaton of an expression; nothing if it takes more than so many bytes, with what a search takes.
    pub(super) fn new(hir: &Hir, slots: usize, memory: usize) -> Option<Self> {
        let mut builder = Builder { states: Vec::new(), classes: Vec::new(), class_bytes: 0, slots, memory };
        builder.group(0, hir)?;
        builder.push(State::Match)?;
        let Builder { states, classes, .. } = builder;
        Some(Self { states, classes, slots })
    }

    /// How many states there are.
    pub(super) fn size(&self) -> usize {
        self.states.len()
    }

    /// A search through a text, which must be UTF-8.
    pub(super) fn walk<'a>(&'a self, text: &'a [u8]) -> Walk<'a> {
        let states = self.states.len();
        let threads = || Threads {
            states: Vec::with_capacity(states),
            slots: Vec::with_capacity(states.saturating_mul(self.slots)),
        };
        Walk {
            automaton: self,
            text,
            now: threads(),
            next: threads(),
            seen: vec![0; states],
            turn: 0,
            todo: Vec::with_capacity(states),
            slots: vec![UNSET; self.slots],
            found: vec![UNSET; self.slots],
            answers: vec![None; self.classes.len()],
            met: 0,
        }
    }
}

/// What is made of an expression so far. To be asked for more than fits makes nothing of all.
struct Builder {
    states: Vec<State>,
    classes: Vec<ClassUnicode>,
    class_bytes: usize,
    slots: usize,
    memory: usize,
}

impl Builder {
    fn push(&mut self, state: State) -> Option<()> {
        self.append(&[state])
    }

    fn append(&mut self, states: &[State]) -> Option<()> {
        let count = self.states.len() + states.len();
        let needed = count.saturating_mul(state_bytes(self.slots)).saturating_add(self.class_bytes);
        if needed > self.memory {
            return None;
        }
        self.states.extend_from_slice(states);
        Some(())
    }

    fn part(&mut self, hir: &Hir) -> Option<()> {
        match hir.kind() {
            HirKind::Empty => Some(()),
            HirKind::Literal(literal) => chars(&literal.0).try_for_each(|c| self.push(State::Char(c))),
            HirKind::Class(class) => self.class(class),
            HirKind::Look(look) => self.push(State::Look(*look)),
            HirKind::Repetition(repetition) => self.repetition(repetition),
            HirKind::Capture(capture) => self.group(usize::try_from(capture.index).ok()?, &capture.sub),
            HirKind::Concat(parts) => parts.iter().try_for_each(|part| self.part(part)),
            HirKind::Alternation(branches) => self.alternation(branches),
        }
    }

    /// The states of a part, for what puts them where it needs them.
    fn apart(&mut self, hir: &Hir) -> Option<Vec<State>> {
        let from = self.states.len();
        self.part(hir)?;
        Some(self.states.split_off(from))
    }

    fn class(&mut self, class: &Class) -> Option<()> {
        let class = match class {
            Class::Unicode(class) => class.clone(),
            // It holds nothing, or ASCII alone: what is over characters has no other bytes.
            Class::Bytes(class) => class.to_unicode_class()?,
        };
        self.class_bytes += size_of::<ClassUnicode>() + size_of_val(class.ranges()) + size_of::<Answer>();
        let number = self.classes.len();
        self.classes.push(class);
        self.push(State::Class(number))
    }

    /// A group; one that nobody asks for is as if it were none.
    fn group(&mut self, index: usize, sub: &Hir) -> Option<()> {
        let slot = index.saturating_mul(2);
        if slot >= self.slots {
            return self.part(sub);
        }
        self.push(State::Save(slot))?;
        self.part(sub)?;
        self.push(State::Save(slot + 1))
    }

    fn repetition(&mut self, repetition: &Repetition) -> Option<()> {
        let (min, greedy) = (repetition.min, repetition.greedy);
        let part = self.apart(&repetition.sub)?;
        let length = part.len().cast_signed();
        let again = State::Fork { by: -length, next_first: !greedy };
        match repetition.max {
            None if min == 0 => {
                // Where the part may match nothing, `x*` is `(x+)?`: else a way round that takes nothing would spoil
                // the order of preference.
                let takes_some = repetition.sub.properties().minimum_len().is_some_and(|least| least > 0);
                self.push(State::Fork { by: length + 2, next_first: greedy })?;
                self.append(&part)?;
                self.push(if takes_some { State::Jump(-length - 1) } else { again })
            }
            None => {
                (0..min).try_for_each(|_| self.append(&part))?;
                self.push(again)
            }
            Some(max) => {
                (0..min).try_for_each(|_| self.append(&part))?;
                (0..max.saturating_sub(min)).rev().try_for_each(|left| self.optional(&part, greedy, left))
            }
        }
    }

    /// A part that may be left out with all that follow it, which are so many more of the same.
    fn optional(&mut self, part: &[State], greedy: bool, left: u32) -> Option<()> {
        let by = (part.len().cast_signed() + 1) * (isize::try_from(left).ok()? + 1);
        self.push(State::Fork { by, next_first: greedy })?;
        self.append(part)
    }

    fn alternation(&mut self, branches: &[Hir]) -> Option<()> {
        let (last, others) = branches.split_last()?;
        let mut jumps = Vec::with_capacity(others.len());
        for branch in others {
            let part = self.apart(branch)?;
            self.push(State::Fork { by: part.len().cast_signed() + 2, next_first: true })?;
            self.append(&part)?;
            jumps.push(self.states.len());
            self.push(State::Jump(0))?;
        }
        self.part(last)?;
        let end = self.states.len();
        for at in jumps {
            if let Some(jump) = self.states.get_mut(at) {
                *jump = State::Jump((end - at).cast_signed());
            }
        }
        Some(())
    }
}

/// Ways through the states that have got to the same position, the preferred ones first: the state that each is in, and
/// the slots of all, one after another.
#[derive(Default)]
struct Threads {
    states: Vec<usize>,
    slots: Vec<usize>,
}

impl Threads {
    fn clear(&mut self) {
        self.states.clear();
        self.slots.clear();
    }

    fn push(&mut self, state: usize, slots: &[usize]) {
        self.states.push(state);
        self.slots.extend_from_slice(slots);
    }

    /// The state of each, and its slots, which are so many.
    fn iter(&self, slots: usize) -> impl Iterator<Item = (usize, &[usize])> {
        self.states.iter().copied().zip(self.slots.chunks_exact(slots.max(1)))
    }
}

/// What is to be done when a way has been followed to its end.
enum Todo {
    /// To follow the one from this state on, which is not preferred to it.
    Follow(usize),
    /// To put back what was in the slot.
    Restore { slot: usize, was: usize },
}

/// A search through a text, match by match.
pub(super) struct Walk<'a> {
    automaton: &'a Automaton,
    text: &'a [u8],
    /// The threads at the position, each before a character or at the end of a match.
    now: Threads,
    /// Those behind the character.
    next: Threads,
    /// In which turn each state was last met. A turn is one position in one search.
    seen: Vec<u64>,
    turn: u64,
    todo: Vec<Todo>,
    /// The slots of the thread that is followed.
    slots: Vec<usize>,
    /// The slots of the match.
    found: Vec<usize>,
    answers: Vec<Answer>,
    met: u64,
}

impl Walk<'_> {
    /// Where the first match from a position on begins and ends. What is before is looked at only by `^`, `\b` and the
    /// like.
    pub(super) fn find(&mut self, from: usize) -> Option<(usize, usize)> {
        let (mut at, mut is_found) = (from, false);
        self.found.fill(UNSET);
        self.next.clear();
        self.turn += 1;
        self.begin(at);
        loop {
            std::mem::swap(&mut self.now, &mut self.next);
            self.next.clear();
            self.turn += 1;
            if is_found && self.now.states.is_empty() {
                break;
            }
            let (c, width) = first_char(self.text.get(at..).unwrap_or_default());
            is_found |= self.step(c, at + width);
            if width == 0 {
                break;
            }
            at += width;
            // A match that began later would not be the first.
            if !is_found {
                self.begin(at);
            }
        }
        self.group(0)
    }

    /// Where a group of the match begins and ends; nothing if it matched nothing.
    pub(super) fn group(&self, index: usize) -> Option<(usize, usize)> {
        let slot = index.checked_mul(2)?;
        let (from, to) = (*self.found.get(slot)?, *self.found.get(slot.checked_add(1)?)?);
        (from != UNSET && to != UNSET).then_some((from, to))
    }

    /// How many states were met so far, at all positions together.
    pub(super) const fn met(&self) -> u64 {
        self.met
    }

    /// Adds the threads of a match that begins here.
    fn begin(&mut self, at: usize) {
        self.slots.fill(UNSET);
        self.follow(0, at);
    }

    /// Leads each thread over a character, to the position behind it. Tells whether one is at the end of a match: those
    /// that are not preferred to it are dropped.
    fn step(&mut self, c: Option<char>, behind: usize) -> bool {
        let now = std::mem::take(&mut self.now);
        let mut is_found = false;
        for (state, slots) in now.iter(self.slots.len()) {
            if matches!(self.automaton.states.get(state), Some(State::Match)) {
                self.found.copy_from_slice(slots);
                is_found = true;
                break;
            }
            if c.is_some_and(|c| self.takes(state, c)) {
                self.slots.copy_from_slice(slots);
                self.follow(state + 1, behind);
            }
        }
        self.now = now;
        is_found
    }

    fn takes(&mut self, state: usize, c: char) -> bool {
        match self.automaton.states.get(state) {
            Some(State::Char(taken)) => *taken == c,
            Some(State::Class(class)) => self.is_in(*class, c),
            _ => false,
        }
    }

    fn is_in(&mut self, class: usize, c: char) -> bool {
        let class_and_answer = self.automaton.classes.get(class).zip(self.answers.get_mut(class));
        let Some((class, answer)) = class_and_answer else { return false };
        match *answer {
            Some((asked, is_in)) if asked == c => is_in,
            _ => {
                let at = class.ranges().partition_point(|range| range.end() < c);
                let is_in = class.ranges().get(at).is_some_and(|range| range.start() <= c);
                *answer = Some((c, is_in));
                is_in
            }
        }
    }

    /// Follows all ways from a state on, as far as they take no character, the preferred ones first.
    fn follow(&mut self, state: usize, at: usize) {
        self.todo.push(Todo::Follow(state));
        while let Some(todo) = self.todo.pop() {
            match todo {
                Todo::Follow(state) => self.follow_one(state, at),
                Todo::Restore { slot, was } => self.note(slot, was),
            }
        }
    }

    /// Follows the preferred way, up to a character, the end of a match or a state where another has been.
    fn follow_one(&mut self, mut state: usize, at: usize) {
        while self.meets(state) {
            let Some(met) = self.automaton.states.get(state).copied() else { return };
            state = match met {
                State::Look(look) if !holds(look, self.text, at) => return,
                State::Look(_) => state + 1,
                State::Save(slot) => {
                    self.save(slot, at);
                    state + 1
                }
                State::Jump(by) => state.wrapping_add_signed(by),
                State::Fork { by, next_first } => self.fork(state, by, next_first),
                State::Char(_) | State::Class(_) | State::Match => return self.next.push(state, &self.slots),
            };
        }
    }

    /// The preferred of two ways. The other is followed later.
    fn fork(&mut self, state: usize, by: isize, next_first: bool) -> usize {
        let (next, other) = (state + 1, state.wrapping_add_signed(by));
        let (first, second) = if next_first { (next, other) } else { (other, next) };
        self.todo.push(Todo::Follow(second));
        first
    }

    /// Notes a position for this way, not for those that are followed later.
    fn save(&mut self, slot: usize, position: usize) {
        let was = self.slots.get(slot).copied().unwrap_or(UNSET);
        self.todo.push(Todo::Restore { slot, was });
        self.note(slot, position);
    }

    /// Whether a state is met for the first time in this turn.
    fn meets(&mut self, state: usize) -> bool {
        let Some(seen) = self.seen.get_mut(state) else { return false };
        let is_new = *seen != self.turn;
        *seen = self.turn;
        self.met += u64::from(is_new);
        is_new
    }

    fn note(&mut self, slot: usize, position: usize) {
        if let Some(noted) = self.slots.get_mut(slot) {
            *noted = position;
        }
    }
}

/// Whether an assertion holds at a position.
fn holds(look: Look, text: &[u8], at: usize) -> bool {
    let before = at.checked_sub(1).and_then(|before| text.get(before));
    let after = text.get(at);
    let is_word = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
    match look {
        Look::Start => before.is_none(),
        Look::End => after.is_none(),
        Look::StartLF => before.is_none_or(|byte| *byte == b'\n'),
        Look::EndLF => after.is_none_or(|byte| *byte == b'\n'),
        Look::WordAscii => is_word(before) != is_word(after),
        Look::WordAsciiNegate => is_word(before) == is_word(after),
        // Go has no others.
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use crate::func::expression::{Expression, Find, Finder};

    const TEXTS: &[&str] =
        &["", "ab éa\nb", "aabbab", "éaéé\n", "b-Kk\u{10348}b", "foo éfoo", "bar\n\nabc", "日a本\u{212a}Ä"];

    const EXPRESSIONS: &[&str] = &[
        // What takes characters.
        "a",
        "é",
        "aé|ab|日",
        ".",
        "(?s).",
        "[^a]",
        "[a-cé-ü]+",
        r"\pL",
        r"\PL+",
        r"[^\x00-\x{10FFFF}]",
        r"[^\x00-\x{10FFFF}]*b?",
        r"\x{d800}|b",
        r"\d|\s+|\w",
        "(?i)k",
        "(?i)ä|ABC",
        "a|[bk]|K",
        // What takes none.
        "",
        "^",
        "$",
        "(?m)^",
        "(?m)$",
        r"\Aa",
        r"b\z",
        r"\b",
        r"\B",
        r"\bfoo\b",
        r"\B.\B",
        "(?m)^.*$",
        "(?m:^)b|(?m:$)",
        // What comes first is preferred.
        "a|ab",
        "ab|a",
        "(a|ab)(b|éa|)",
        "|a",
        "a|",
        "(?:|a)b",
        "(a)|(b)|(é)",
        // Repetitions.
        "a*",
        "a*?",
        "a+",
        "a+?b",
        "a??",
        "(?U)a+b*",
        "a{2}",
        "a{0}b",
        "a{2,}",
        "a{1,}?b",
        "é{0,2}a",
        "[abé]{1,3}",
        "[abé]{1,3}?",
        "[abé]{2,4}?b",
        "(a|b){0,3}",
        "(?:a(b)?){2}",
        // Those of what may be empty.
        "(a*)*",
        "(a*)+",
        "(a*?)*",
        "(a*)*?b",
        "(a+)*b",
        "(|a)*",
        "(|a)+",
        "(a|)*",
        "(a|b*)*?é",
        "(a?){3}",
        "(a??){2,4}",
        "(?:(a)|b)*",
        "((a)|(b))+",
        "((a*)(b*))*",
        r"(?:\b|a)*",
        r"(\b|é)+(.)",
        "(?:^|a|$)*",
        "()*",
        "(^)*(a)",
        "(?:(a)|(b)|(é))*(.)?",
        "(a*)(a*)(b|)",
    ];

    /// The bounds of what is found first from a position on, and those of its groups.
    fn found(finder: &mut Finder<'_>, from: usize, groups: usize) -> Vec<Option<(usize, usize)>> {
        let whole = finder.find(from);
        std::iter::once(whole).chain((0..=groups).map(|index| finder.group(index))).collect()
    }

    /// That both engines find the same, from each character of the texts on.
    fn compare(expression: &str, find: Find, texts: &[&str]) {
        let groups = expression.matches('(').count();
        let each = Expression::in_each_engine(expression, find);
        for text in texts {
            let mut finders = each.each_ref().map(|one| one.finder(text.as_bytes()));
            for from in (0..=text.len()).filter(|at| text.is_char_boundary(*at)) {
                let [theirs, ours] = finders.each_mut().map(|finder| found(finder, from, groups));
                assert_eq!(ours, theirs, "{expression:?} in {text:?} from {from}");
            }
            let [theirs, ours] = each.each_ref().map(|one| one.is_match(text.as_bytes()));
            assert_eq!(ours, theirs, "{expression:?} in {text:?}");
        }
    }

    #[test]
    fn each_kind_of_expression_finds_the_same_in_both_engines() {
        for expression in EXPRESSIONS {
            compare(expression, Find::Groups, TEXTS);
            compare(expression, Find::Bounds, TEXTS);
        }
    }

    /// Chance that is the same each time.
    struct Dice(u64);

    impl Dice {
        fn roll(&mut self, sides: usize) -> usize {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            (self.0 >> 32) as usize % sides
        }

        fn pick(&mut self, of: &[&'static str]) -> &'static str {
            of[self.roll(of.len())]
        }

        fn expression(&mut self, depth: u32) -> String {
            let branches: Vec<String> = (0..1 + self.roll(4) / 3).map(|_| self.branch(depth)).collect();
            branches.join("|")
        }

        fn branch(&mut self, depth: u32) -> String {
            (0..self.roll(4)).map(|_| self.repeated(depth)).collect()
        }

        fn repeated(&mut self, depth: u32) -> String {
            let open = if depth > 0 { self.pick(&["(", "(?:", "", "", ""]) } else { "" };
            let part =
                if open.is_empty() { self.atom() } else { format!("{open}{})", self.expression(depth - 1)) };
            part + self.pick(&[
                "", "", "", "", "*", "+", "?", "*?", "+?", "??", "{2}", "{0,2}", "{1,3}?", "{2,}", "{0}",
            ])
        }

        fn atom(&mut self) -> String {
            const ATOMS: &[&str] = &[
                "a", "a", "b", "b", "é", "é", ".", "[^a]", "[aé]", "[b-ü]", "^", "$", r"\b", r"\B", "(?m:^)",
                "(?m:$)", "(?i:k)",
            ];
            // It takes longer to compile than all others.
            if self.roll(60) == 0 { r"\pL".to_owned() } else { self.pick(ATOMS).to_owned() }
        }
    }

    fn compare_at_random(seed: u64) {
        let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        for _ in 0..2_500 {
            compare(&dice.expression(2), Find::Groups, &TEXTS[..5]);
        }
    }

    #[test]
    fn expressions_made_at_random_find_the_same_in_both_engines() {
        std::thread::scope(|scope| {
            for seed in 1..=8 {
                scope.spawn(move || compare_at_random(seed));
            }
        });
    }
}
