/** A picture as data: what is on the screen and what is exported are the same marks. Pixels, text anchored as SVG does. */
export type Mark =
  | {
      readonly kind: 'rect';
      readonly x: number;
      readonly y: number;
      readonly width: number;
      readonly height: number;
      readonly fill: string;
    }
  | {
      readonly kind: 'circle';
      readonly x: number;
      readonly y: number;
      readonly radius: number;
      readonly fill: string;
      readonly stroke: string;
    }
  | {
      readonly kind: 'area';
      /** Corners: x y each. */
      readonly corners: readonly number[];
      readonly fill: string;
      readonly opacity: number;
    }
  | {
      readonly kind: 'line';
      /** Ends of line pieces: x₁ y₁ x₂ y₂ each. */
      readonly pieces: readonly number[];
      readonly stroke: string;
      readonly width: number;
      readonly dash?: readonly number[];
    }
  | {
      readonly kind: 'text';
      readonly x: number;
      readonly y: number;
      readonly text: string;
      readonly size: number;
      readonly fill: string;
      readonly anchor?: 'start' | 'middle' | 'end';
      readonly bold?: boolean;
    };

/** A whole picture. */
export interface Drawing {
  readonly width: number;
  readonly height: number;
  readonly marks: readonly Mark[];
}

/** Marks elsewhere. */
export function moved(marks: readonly Mark[], dx: number, dy: number): Mark[] {
  return marks.map((mark) => {
    const shift = (values: readonly number[]) => values.map((value, i) => value + (i % 2 === 0 ? dx : dy));
    if (mark.kind === 'line') return { ...mark, pieces: shift(mark.pieces) };
    if (mark.kind === 'area') return { ...mark, corners: shift(mark.corners) };
    return { ...mark, x: mark.x + dx, y: mark.y + dy };
  });
}

/** A drawing as a file of its own. */
export function toSvg({ width, height, marks }: Drawing, title: string): string {
  const size = `width="${width}" height="${height}" viewBox="0 0 ${width} ${height}"`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" ${size} font-family="${FONT}">`,
    `<title>${escape(title)}</title>`,
    ...marks.map(svgOf),
    '</svg>\n',
  ].join('\n');
}

/** Pieces of a line as an SVG path. */
export function pathOf(pieces: readonly number[]): string {
  return pieces.map((value, i) => `${['M', ' ', 'L', ' '][i % 4]}${round(value)}`).join('');
}

/** Paints marks where the context stands. */
export function paint(context: CanvasRenderingContext2D, marks: readonly Mark[]): void {
  for (const mark of marks) PAINT[mark.kind](context, mark as never);
}

// ---

const FONT = "Inter, 'Segoe UI', 'Noto Sans', 'Liberation Sans', sans-serif";

type Of<K extends Mark['kind']> = Extract<Mark, { kind: K }>;

const PAINT: { readonly [K in Mark['kind']]: (context: CanvasRenderingContext2D, mark: Of<K>) => void } = {
  rect: (context, { x, y, width, height, fill }) => {
    context.fillStyle = fill;
    context.fillRect(x, y, width, height);
  },
  circle: (context, { x, y, radius, fill, stroke }) => {
    context.fillStyle = fill;
    context.strokeStyle = stroke;
    context.lineWidth = 2;
    context.setLineDash([]);
    context.beginPath();
    context.arc(x, y, radius, 0, 2 * Math.PI);
    context.fill();
    context.stroke();
  },
  area: (context, { corners, fill, opacity }) => {
    context.globalAlpha = opacity;
    context.fillStyle = fill;
    context.beginPath();
    for (let i = 0; i < corners.length; i += 2) context.lineTo(corners[i], corners[i + 1]);
    context.fill();
    context.globalAlpha = 1;
  },
  line: (context, { pieces, stroke, width, dash = [] }) => {
    context.strokeStyle = stroke;
    context.lineWidth = width;
    context.setLineDash([...dash]);
    context.beginPath();
    for (let i = 0; i < pieces.length; i += 4) {
      context.moveTo(pieces[i], pieces[i + 1]);
      context.lineTo(pieces[i + 2], pieces[i + 3]);
    }
    context.stroke();
  },
  text: (context, { x, y, text, size, fill, anchor = 'start', bold = false }) => {
    context.font = `${bold ? 600 : 400} ${size}px ${FONT}`;
    context.fillStyle = fill;
    context.textAlign = anchor === 'middle' ? 'center' : anchor;
    context.textBaseline = 'alphabetic';
    context.fillText(text, x, y);
  },
};

function svgOf(mark: Mark): string {
  if (mark.kind === 'rect') {
    const { x, y, width, height, fill } = mark;
    return `<rect x="${round(x)}" y="${round(y)}" width="${round(width)}" height="${round(height)}" fill="${fill}"/>`;
  }
  if (mark.kind === 'circle') {
    const { x, y, radius, fill, stroke } = mark;
    return `<circle cx="${round(x)}" cy="${round(y)}" r="${radius}" fill="${fill}" stroke="${stroke}" stroke-width="2"/>`;
  }
  if (mark.kind === 'area') {
    const { corners, fill, opacity } = mark;
    return `<polygon points="${corners.map(round).join(' ')}" fill="${fill}" fill-opacity="${opacity}"/>`;
  }
  if (mark.kind === 'line') {
    const { pieces, stroke, width, dash } = mark;
    const dashes = dash ? ` stroke-dasharray="${dash.join(' ')}"` : '';
    return `<path d="${pathOf(pieces)}" fill="none" stroke="${stroke}" stroke-width="${width}"${dashes}/>`;
  }
  const { x, y, text, size, fill, anchor, bold } = mark;
  const more = `${anchor ? ` text-anchor="${anchor}"` : ''}${bold ? ' font-weight="600"' : ''}`;
  return `<text x="${round(x)}" y="${round(y)}" font-size="${size}" fill="${fill}"${more} xml:space="preserve">${escape(text)}</text>`;
}

function round(value: number): number {
  return Math.round(100 * value) / 100;
}

function escape(text: string): string {
  const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
  // Control characters, which a token may be, have no place in XML.
  return text.replace(/[&<>"]/g, (each) => entities[each]).replace(/[\p{Cc}\uFFFE\uFFFF]/gu, '\uFFFD');
}
