"use strict";
// Intervals and tests for a few seeds: Welch's, paired ones, Holm's correction, all from Student's t.

/** The logarithm of the gamma function, by Stirling's series after shifting the argument beyond 10. */
function logGamma(x) {
  let shift = 0;
  for (; x < 10; x++) shift += Math.log(x);
  const r = 1 / x, series = r * (1 / 12 - r * r * (1 / 360 - r * r * (1 / 1260 - r * r / 1680)));
  return (x - 0.5) * Math.log(x) - x + 0.5 * Math.log(2 * Math.PI) + series - shift;
}

/** The regularized incomplete beta function, by its continued fraction (Lentz's method). */
function incompleteBeta(x, a, b) {
  if (x <= 0 || x >= 1) return x <= 0 ? 0 : 1;
  if (x > (a + 1) / (a + b + 2)) return 1 - incompleteBeta(1 - x, b, a);
  const safe = (value) => (Math.abs(value) < 1e-300 ? 1e-300 : value);
  let c = 1, d = 1 / safe(1 - ((a + b) * x) / (a + 1)), fraction = d;
  for (let m = 1; m <= 500; m++) {
    for (const term of [(m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m)), (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1))]) {
      d = 1 / safe(1 + term * d);
      c = safe(1 + term / c);
      fraction *= c * d;
    }
    if (Math.abs(c * d - 1) < 1e-15) break;
  }
  return (Math.exp(a * Math.log(x) + b * Math.log1p(-x) - logGamma(a) - logGamma(b) + logGamma(a + b)) * fraction) / a;
}

/** The two-sided p-value of a value of Student's t. */
const twoSided = (t, freedom) => incompleteBeta(freedom / (freedom + t * t), freedom / 2, 0.5);

/** The t that a share `level` of the distribution lies within, on both sides of zero. */
function quantile(level, freedom) {
  let low = 0, high = 1;
  while (twoSided(high, freedom) > 1 - level) high *= 2;
  for (let i = 0; i < 80; i++) {
    const middle = (low + high) / 2;
    [low, high] = twoSided(middle, freedom) > 1 - level ? [middle, high] : [low, middle];
  }
  return (low + high) / 2;
}

const mean = (values) => values.reduce((a, b) => a + b, 0) / values.length;
const variance = (values) => values.reduce((sum, value) => sum + (value - mean(values)) ** 2, 0) / (values.length - 1);

/** An effect from its value, its squared standard error and the degrees of freedom. */
function estimate(value, squared, freedom) {
  const error = Math.sqrt(squared), half = error ? quantile(0.95, freedom) * error : 0;
  return { value, low: value - half, high: value + half, p: error ? twoSided(value / error, freedom) : value === 0 ? 1 : 0 };
}

/** A weighted sum of the samples' means, variances unequal (Welch, Satterthwaite). */
function contrast(samples, weights) {
  const parts = samples.map((values, i) => (weights[i] ** 2 * variance(values)) / values.length), sum = parts.reduce((a, b) => a + b, 0);
  const freedom = sum ** 2 / parts.reduce((total, part, i) => total + part ** 2 / (samples[i].length - 1), 0);
  return estimate(samples.reduce((total, values, i) => total + weights[i] * mean(values), 0), sum, freedom);
}

/** The same where the samples' i-th results belong together, as those of one seed: the mean of their weighted sums. */
function paired(samples, weights) {
  const sums = samples[0].map((_, i) => samples.reduce((total, values, j) => total + weights[j] * values[i], 0));
  return estimate(mean(sums), variance(sums) / sums.length, sums.length - 1);
}

/** Holm's step-down adjustment of p-values for their number. */
function holm(values) {
  const order = [...values.keys()].sort((a, b) => values[a] - values[b]), adjusted = [];
  order.reduce((running, index, rank) => (adjusted[index] = Math.min(1, Math.max(running, (values.length - rank) * values[index]))), 0);
  return adjusted;
}
