//! The choices of which a view is made: random ones, or given ones that are tried again with fewer of them.

use support::random::Random;

/// A source of choices that records them. The choice 0 is always the simplest.
pub struct Choices {
    made: Vec<u32>,
    given: Vec<u32>,
    random: Option<Random>,
}

impl Choices {
    pub fn random(seed: u64) -> Self {
        Choices { made: Vec::new(), given: Vec::new(), random: Some(Random::new(seed)) }
    }

    /// These, and the simplest ones after them.
    pub fn again(given: Vec<u32>) -> Self {
        Choices { made: Vec::new(), given, random: None }
    }

    pub fn made(&self) -> &[u32] {
        &self.made
    }

    /// A number below `n`.
    pub fn pick(&mut self, n: usize) -> usize {
        let choice = match (self.given.get(self.made.len()), &mut self.random) {
            (Some(choice), _) => *choice,
            (None, Some(random)) => random.number(),
            (None, None) => 0,
        };
        let choice = choice % n as u32;
        self.made.push(choice);
        choice as usize
    }

    /// True in `percent` of all cases.
    pub fn chance(&mut self, percent: usize) -> bool {
        self.pick(100) >= 100 - percent
    }

    pub fn of<T: Copy>(&mut self, list: &[T]) -> T {
        list[self.pick(list.len())]
    }
}

/// Fewer and simpler choices that still fail, as few as are found.
pub fn reduced(mut choices: Vec<u32>, mut fails: impl FnMut(&[u32]) -> bool) -> Vec<u32> {
    let mut tries = 600;
    let mut size = choices.len().div_ceil(2);
    while size > 0 && tries > 0 {
        let mut place = 0;
        let mut shrank = false;
        while place < choices.len() && tries > 0 {
            let end = (place + size).min(choices.len());
            let removed = [&choices[..place], &choices[end..]].concat();
            let mut zeroed = choices.clone();
            zeroed[place..end].fill(0);
            let candidates = [removed, zeroed.clone()];
            let better = candidates.into_iter().filter(|candidate| *candidate != choices).find(|candidate| {
                tries -= 1;
                fails(candidate)
            });
            match better {
                Some(better) => {
                    shrank |= better.len() < choices.len() || better != choices;
                    choices = better;
                }
                None => place = end,
            }
            if choices.get(place..end).is_some_and(|part| part.iter().all(|choice| *choice == 0)) {
                place = end;
            }
        }
        if !shrank || size > 1 {
            size /= 2;
        }
    }
    choices
}
