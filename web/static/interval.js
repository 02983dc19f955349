// How many of all rows are wrong, when so many of a sample are.

const HALF_DOUBT = 0.025;

// Between which whole numbers, 95 times in 100, the wrong ones of a `population` lie, when `wrong` of `seen` drawn
// without replacement are. The exact interval of Clopper and Pearson (Biometrika 26, 1934), whose binomial chances are
// for drawing with replacement, with the hypergeometric ones in their place (Buonaccorsi, American Statistician 41, 1987).
export function interval(wrong, seen, population) {
  const least = wrong;
  const most = population - (seen - wrong);
  // more wrong ones in all make few in the sample less likely, and many more likely
  const low = wrong === 0 ? 0 : first(least, most, (all) => chanceOfAtLeast(wrong, seen, all, population) > HALF_DOUBT);
  const high = first(least, most, (all) => chanceOfAtMost(wrong, seen, all + 1, population) <= HALF_DOUBT);
  return { low, high };
}

// The first whole number from `least` on of which `holds` is true, or `most`; once true, it stays so.
function first(least, most, holds) {
  let [low, high] = [least, most];
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if (holds(middle)) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  return low;
}

function chanceOfAtMost(wrong, seen, all, population) {
  let sum = 0;
  for (let number = Math.max(0, seen - (population - all)); number <= wrong; number += 1) {
    sum += chance(number, seen, all, population);
  }
  return sum;
}

function chanceOfAtLeast(wrong, seen, all, population) {
  return 1 - chanceOfAtMost(wrong - 1, seen, all, population);
}

// That `number` of `seen` rows are among the `all` wrong ones of the population.
function chance(number, seen, all, population) {
  if (number > all || seen - number > population - all) {
    return 0;
  }
  return Math.exp(logChoose(all, number) + logChoose(population - all, seen - number) - logChoose(population, seen));
}

// The sum has as many terms as rows were seen, and loses nothing to cancellation as differences of log factorials do.
function logChoose(from, taken) {
  const few = Math.min(taken, from - taken);
  let sum = 0;
  for (let step = 1; step <= few; step += 1) {
    sum += Math.log((from - few + step) / step);
  }
  return sum;
}
