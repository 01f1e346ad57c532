import type { Mail, MailPage, MailQuery } from '../ports/store.ts'

/** What fits into a page. The first message always does, or a large one would never be handled. */
export function pageOf(
  all: Iterable<Mail>,
  { limit, bytes = Number.MAX_SAFE_INTEGER }: MailQuery,
): Pick<MailPage, 'mail' | 'more'> {
  const mail: Mail[] = []
  let size = 0
  for (const one of all) {
    // Characters are taken for bytes: a bound on memory need not count the umlauts.
    size += one.payload.length
    if (mail.length > 0 && size > bytes) return { mail, more: true }
    mail.push(one)
    if (mail.length === limit || size > bytes) return { mail, more: true }
  }
  return { mail, more: false }
}
