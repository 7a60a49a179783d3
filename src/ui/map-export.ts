import type { LocateCase, LocationKind, LocationMap, TracingSettings } from '../worker/api-locate.ts';
import type { Field } from './csv.ts';
import { moved, type Drawing, type Mark } from './drawing.ts';
import type { Format } from './format.ts';
import { legendMarks, tableMarks, type HeatTable } from './heat.ts';
import { KINDS } from './location.ts';
import type { LocateMessages } from './messages-locate.ts';

/** A map with what it is about. */
export interface MapRecord {
  readonly item: LocateCase;
  readonly map: LocationMap;
  /** Which edits took part (`stampOf`). */
  readonly stamp: string;
  readonly how: TracingSettings;
}

/** Every cell of every kind as a row, as the engine gave it; what isn't known is left empty. */
export function mapRows(records: readonly MapRecord[]): Field[][] {
  const header = ['prompt', 'subject', 'answer', 'edits', 'kind', 'window', 'token', 'position', 'layer'];
  const values = ['probability', 'log_probability', 'clean', 'noised', 'draws', 'noise', 'sigmas', 'seed'];
  const rows = records.flatMap((record) => KINDS.flatMap((kind) => rowsOf(record, kind)));
  return [[...header, ...values], ...rows];
}

/** One panel of the exported picture. */
export interface FigurePanel {
  readonly heading: string;
  readonly notes: readonly string[];
  readonly tables: readonly { readonly name: string; readonly table: HeatTable }[];
  /** A picture of its own. */
  readonly chart?: Drawing;
}

/** Width of a panel, in pixels, as long as what it shows isn't wider. */
export const PANEL = 440;

/** What stands around the panels. */
export interface FigureFrame {
  readonly title: string;
  readonly reading: string;
  readonly legends: readonly {
    readonly text: string;
    readonly low: string;
    readonly high: string;
    readonly coloring: HeatTable['coloring'];
  }[];
  /** Warnings and provenance, below everything. */
  readonly foot: readonly string[];
}

/**
 * Where the figures of a picture come from, for its foot: before and after an edit are told apart by it.
 *
 * @param of which edits took part (`stampOf`), and when it was computed
 */
export function provenanceOf(
  model: string,
  { stamp, computedAt }: { readonly stamp: string; readonly computedAt: number | null },
  say: Pick<LocateMessages, 'figureFoot' | 'versionOriginal' | 'versionEdited'>,
  figures: Pick<Format, 'count' | 'moment'>,
): string {
  const version = stamp === '' ? say.versionOriginal : say.versionEdited(figures.count(stamp.split(' ').length));
  return say.figureFoot(model, version, computedAt === null ? null : figures.moment(computedAt));
}

/** A figure to keep: panels side by side on white, with everything that is needed to read it. */
export function figureOf(panels: readonly FigurePanel[], frame: FigureFrame): Drawing {
  const marks: Mark[] = [];
  const drawn = panels.map(({ tables }) => tables.map(({ table }) => tableMarks(table, LABEL, PANEL)));
  const panelWidth = Math.max(
    ...[PANEL, ...drawn.flat().map((each) => each.width)],
    ...panels.map(({ chart }) => chart?.width ?? 0),
  );
  const width = MARGIN + panels.length * (panelWidth + MARGIN);
  const line = (text: string, x: number, y: number, size = 12, bold = false) =>
    marks.push({ kind: 'text', x, y, text, size, fill: bold ? '#000000' : '#333333', bold });
  let y = MARGIN + 14;
  line(frame.title, MARGIN, y, 16, true);
  for (const text of wrap(frame.reading, width)) line(text, MARGIN, (y += 18));
  const top = y + 14;
  const heights = panels.map((panel, i) => {
    const x = MARGIN + i * (panelWidth + MARGIN);
    let at = top;
    for (const text of wrap(panel.heading, panelWidth)) line(text, x, (at += 16), 13, true);
    panel.tables.forEach(({ name }, k) => {
      const table = drawn[i][k];
      line(name, x, (at += 22));
      marks.push(...moved(table.marks, x, at + 6));
      at += table.height + 6;
    });
    if (panel.chart) {
      marks.push(...moved(panel.chart.marks, x, at + 6));
      at += panel.chart.height + 6;
    }
    for (const text of panel.notes.flatMap((note) => wrap(note, panelWidth))) line(text, x, (at += 16));
    return at;
  });
  y = Math.max(top, ...heights) + 20;
  for (const { text, low, high, coloring } of frame.legends) {
    line(low, MARGIN, y + 11);
    marks.push(...moved(legendMarks(coloring.scale, BAR, 12), MARGIN + 44, y));
    line(high, MARGIN + 52 + BAR, y + 11);
    y += 12;
    for (const words of wrap(text, width)) line(words, MARGIN, (y += 15));
    y += 10;
  }
  for (const text of frame.foot.flatMap((each) => wrap(each, width))) line(text, MARGIN, (y += 16), 11);
  const height = y + MARGIN;
  return { width, height, marks: [{ kind: 'rect', x: 0, y: 0, width, height, fill: '#ffffff' }, ...marks] };
}

// ---

const MARGIN = 24;
const LABEL = 110;
const BAR = 140;

function rowsOf({ item, map, stamp, how }: MapRecord, kind: LocationKind): Field[][] {
  const { prompt, subject, target, tokens } = item;
  const scores = map.kinds[kind];
  return tokens.flatMap((token, position) =>
    Array.from({ length: map.layers }, (_, layer) => {
      const index = position * map.layers + layer;
      return [
        ...[prompt, subject, target, stamp, kind, kind === 'hidden' ? 1 : how.window, token, position, layer],
        ...[scores?.probability[index] ?? null, scores?.logProbability[index] ?? null],
        ...[map.high.probability, map.low.probability, map.draws, map.noiseLevel, how.sigmas, how.seed],
      ];
    }),
  );
}

/** A text in lines that fit a width, by what letters are wide as a rule. */
function wrap(text: string, width: number): string[] {
  const most = Math.floor((width - 2 * MARGIN) / 6);
  const lines = [''];
  for (const word of text.split(' ')) {
    const last = lines.length - 1;
    const longer = lines[last] === '' ? word : `${lines[last]} ${word}`;
    if (longer.length <= most || lines[last] === '') lines[last] = longer;
    else lines.push(word);
  }
  return lines;
}
