// Runs steps in order and prints one JSON array of their outcomes.
// Standard input: {"steps": [{"do": NAME, ...}, ...], "outbox", ...}; an outcome is {"ok": ...} or
// {"error": {"code", "message"}}. The step {"do": "code", "to", "count", "as"} waits until so many messages
// went to an address and keeps the newest one's code; "$NAME" in a later step stands for it.

import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const LONGEST_WAIT_MS = 20_000;

export const input = JSON.parse(readFileSync(0, 'utf8'));

export class MemoryStorage {
  #items = new Map();
  setItem(key, value) { this.#items.set(key, value); return value; }
  getItem(key) { return this.#items.get(key) ?? null; }
  removeItem(key) { return this.#items.delete(key); }
  clear() { this.#items.clear(); }
}

function messages(to) {
  if (!existsSync(input.outbox)) return [];
  return readdirSync(input.outbox)
    .filter((name) => name.endsWith('.json'))
    .sort()
    .map((name) => JSON.parse(readFileSync(join(input.outbox, name), 'utf8')))
    .filter((message) => message.to === to && message.pool_id === input.poolId);
}

async function newestCode({ to, count = 1 }) {
  const end = Date.now() + LONGEST_WAIT_MS;
  for (;;) {
    const found = messages(to);
    if (found.length >= count) return found[count - 1].code;
    if (Date.now() > end) throw new Error(`${found.length} of ${count} messages to ${to}`);
    await sleep(50);
  }
}

function filled(value, codes) {
  if (typeof value === 'string') return value.startsWith('$') ? codes[value.slice(1)] : value;
  if (Array.isArray(value)) return value.map((item) => filled(item, codes));
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, filled(item, codes)]));
}

export async function run(known) {
  const codes = {};
  const outcomes = [];
  for (const { do: name, as, ...given } of input.steps) {
    try {
      if (name === 'code') {
        codes[as] = await newestCode(given);
        outcomes.push({ ok: codes[as] });
      } else {
        outcomes.push({ ok: (await known[name](filled(given, codes))) ?? null });
      }
    } catch (error) {
      outcomes.push({ error: { code: error.code ?? error.name, message: error.message } });
    }
  }
  // aws-amplify leaves timers of minutes behind, which would keep the program.
  process.stdout.write(`${JSON.stringify(outcomes)}\n`, () => process.exit());
}
