import { clean } from './text.ts'
import { wrapText } from './wrap.ts'

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

/** The same, where the lines are at most `width` long; else one column stands below the others, in lines of its own. */
export function fittedLines(
  headings: readonly string[],
  rows: readonly (readonly Cell[])[],
  width: number,
  below: number,
): string[] {
  const whole = tableLines(headings, rows)
  if (whole.every((line) => line.length <= width)) return whole
  const others = <T>(cells: readonly T[]): readonly T[] => cells.filter((_, column) => column !== below)
  const [heading = '', ...lines] = tableLines(others(headings), rows.map(others))
  const values = rows.map((row) => clean(String(row[below] ?? '')))
  return [
    heading,
    ...lines.flatMap((line, at) => [line, ...(values[at] ? wrapText(`  ${values[at]}`, width) : [])]),
  ]
}

/** What a table shows. */
export type Cell = string | number
