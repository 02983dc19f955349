// Sums whose answer has one or two digits.

const KINDS = [
  () => {
    const [one, other] = [upTo(49), upTo(49)];
    return { words: `${one} + ${other}`, answer: one + other };
  },
  () => {
    const [one, other] = [upTo(99), upTo(99)].sort((first, second) => second - first);
    return { words: `${one} − ${other}`, answer: one - other };
  },
  () => {
    const [one, other] = [upTo(9), upTo(9)];
    return { words: `${one} × ${other}`, answer: one * other };
  },
];

// {words, answer}: the answer lies between 0 and 99.
export function newSum() {
  return KINDS[Math.floor(Math.random() * KINDS.length)]();
}

function upTo(most) {
  return Math.floor(Math.random() * (most + 1));
}
