import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

/** Writes what ran, what failed and what was skipped and why, for the last lines of `npm test`. */
export default class SummaryReporter {
  onTestRunEnd(modules, errors) {
    const summary = { passed: 0, failed: 0, skipped: [], errors: errors.length };
    for (const module of modules) {
      if (module.state() === 'failed') summary.errors += module.errors().length;
      for (const test of module.children.allTests()) {
        const result = test.result();
        if (result.state === 'passed') summary.passed++;
        else if (result.state === 'failed') summary.failed++;
        else if (result.state === 'skipped') {
          summary.skipped.push({ test: test.fullName, reason: result.note ?? 'marked as skipped in its file' });
        }
      }
    }
    const file = process.env.PALIMPSEST_SUMMARY;
    if (!file) return;
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, JSON.stringify(summary));
  }
}
