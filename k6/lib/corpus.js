// Reviews made from small grammars: real words in real lengths, nobody's sentences. A text is a pure function of the
// seed and its number, and two numbers never share a text: the number is written, digit by digit, into the first
// sentence's choices.

import { SEED, TEXT_MIX } from './settings.js';

const OPENERS = [
  'Honestly', 'To be fair', 'Against all advice', 'After two tries', 'On a rainy evening', 'With low expectations',
  'Thanks to a friend', 'During a long flight', 'Between two meetings', 'For the price', 'At full volume',
  'On the second visit', 'Without any hurry', 'Late last night', 'After a week of use', 'Compared to the old one',
];
const THINGS = [
  'this film', 'the novel', 'their album', 'the kettle', 'the new season', 'that restaurant', 'the headset',
  'this board game', 'the documentary', 'the hotel', 'their coffee', 'the sequel', 'this tent', 'the keyboard',
  'the museum tour', 'the stage play', 'this backpack', 'the bakery', 'the remake', 'the train ride', 'this lamp',
  'the podcast', 'the cooking class', 'their support line',
];
const VERDICTS = [
  'won me over', 'left me cold', 'felt rushed', 'kept its promise', 'fell apart', 'surprised us all', 'wore thin',
  'made me laugh', 'bored my sister', 'was worth every cent', 'deserved better', 'missed the point', 'charmed the kids',
  'broke on day one', 'aged well', 'tested my patience', 'hit the right note', 'was a letdown', 'works like a dream',
  'never found its feet', 'feels cheaply made', 'stays with you', 'needs an editor', 'was a pure joy',
];
const ASPECTS = [
  'the pacing', 'the sound', 'the service', 'the ending', 'the packaging', 'the second half', 'the handle',
  'the dialogue', 'the battery', 'the lighting', 'the menu', 'the manual', 'the cast', 'the cover', 'the seating',
  'the humour', 'the zipper', 'the score', 'the dessert', 'the plot',
];
const FEELINGS = [
  'quietly brilliant', 'a mess', 'better than expected', 'hard to forgive', 'simply lovely', 'painfully slow',
  'nothing special', 'a small miracle', 'far too loud', 'warm and generous', 'clumsy', 'full of care', 'dated',
  'sharp and funny', 'an insult', 'solid throughout', 'confusing', 'a delight', 'forgettable', 'first class',
];
const REASONS = [
  'because nobody seems to have checked it', 'and I would do it again tomorrow', 'although the idea is good',
  'which my neighbours noticed too', 'and that is putting it kindly', 'so I have already told my colleagues',
  'even if the first hour drags', 'and the staff could not have been nicer', 'but the refund took three weeks',
  'as if someone had finally listened', 'until the very last minute', 'no matter what the advert says',
];

const SPACE = OPENERS.length * THINGS.length * VERDICTS.length * ASPECTS.length * FEELINGS.length;
// Coprime to SPACE (whose prime factors are 2, 3 and 5), so that n → n·STEP + offset mod SPACE repeats nothing.
const STEP = 1000003;

// A 32-bit integer hash (the finaliser of MurmurHash3): numbers near each other come out unrelated.
function mixed(value) {
  let bits = value | 0;
  bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b);
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
  return (bits ^ (bits >>> 16)) >>> 0;
}

// A number in [0, 1) that depends on the seed and its arguments alone.
export function uniform(n, salt = 0) {
  return mixed(mixed(mixed(SEED) + n) + salt) / 2 ** 32;
}

function leadSentence(n) {
  let rest = (n * STEP + mixed(SEED)) % SPACE;
  const pick = (words) => {
    const word = words[rest % words.length];
    rest = Math.floor(rest / words.length);
    return word;
  };
  return `${pick(OPENERS)}, ${pick(THINGS)} ${pick(VERDICTS)}: ${pick(ASPECTS)} was ${pick(FEELINGS)}.`;
}

function sentence(n, position) {
  const pick = (words, slot) => words[Math.floor(uniform(n, position * 8 + slot) * words.length)];
  const aspect = pick(ASPECTS, 1);
  return `${aspect[0].toUpperCase()}${aspect.slice(1)} was ${pick(FEELINGS, 2)} ${pick(REASONS, 3)}.`;
}

export function text(n) {
  const length = uniform(n, 1);
  const { sentences } = TEXT_MIX.find(({ upTo }) => length < upTo);
  const rest = Array.from({ length: sentences - 1 }, (_, position) => sentence(n, position + 1));
  return [leadSentence(n), ...rest].join(' ');
}

export function texts(first, count) {
  return Array.from({ length: count }, (_, index) => text(first + index));
}

// Where texts begin that no hot set contains.
export const FRESH = 100000;

// A stream with a chosen share of repeats: request n repeats one of `hot` texts with probability `repeats`.
export function repeating(n, repeats, hot) {
  return uniform(n, 2) < repeats ? text(Math.floor(uniform(n, 3) * hot)) : text(FRESH + n);
}

// A stream in which the text of rank r comes with probability proportional to r^-exponent, as words and products do.
export function zipf({ texts: count, exponent }) {
  const cumulative = [];
  let total = 0;
  for (let rank = 1; rank <= count; rank += 1) cumulative.push((total += rank ** -exponent));
  return (n) => {
    const drawn = uniform(n, 4) * total;
    return text(cumulative.findIndex((sum) => drawn < sum));
  };
}
