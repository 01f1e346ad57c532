import { clean } from './text.ts'

/** Rows under headings, columns padded to their widest cell; numbers to the right. Cells are cleaned. */
export function tableLines(headings: readonly string[], rows: readonly (readonly Cell[])[]): string[] {
  const cells = [headings, ...rows.map((row) => row.map((cell) => clean(String(cell))))]
  const widths = headings.map((_, column) => Math.max(...cells.map((row) => row[column]?.length ?? 0)))
  const right = headings.map((_, column) => {
    return rows.length > 0 && rows.every((row) => typeof row[column] === 'number' || row[column] === '-')
  })
  return cells.map((row) =>
    row
      .map((cell, column) => {
        const width = widths[column] ?? 0
        return right[column] === true ? cell.padStart(width) : cell.padEnd(width)
      })
      .join('  ')
      .trimEnd(),
  )
}

/** What a table shows. */
export type Cell = string | number
