/** A field of a table: numbers are written whole, what is no number is left empty. */
export type Field = string | number | null;

/**
 * A table as CSV.   [RFC 4180]
 *
 * @param rows the first names the columns
 */
export function toCsv(rows: readonly (readonly Field[])[]): string {
  return rows.map((row) => `${row.map(fieldOf).join(',')}\r\n`).join('');
}

// ---

function fieldOf(field: Field): string {
  if (field === null) return '';
  if (typeof field === 'number') return Number.isFinite(field) ? String(field) : '';
  return /[",\r\n]|^\s|\s$/.test(field) ? `"${field.replaceAll('"', '""')}"` : field;
}
