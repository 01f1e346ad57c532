import type { Command } from 'commander'
import { migrateStore } from '../../open.ts'
import { contextOf } from '../context.ts'

const EXAMPLE = `
A program refuses a database whose schema is older or newer than the one that it knows. On a server the role that
runs agents may lack the right to change the schema: then run this with another one, before the new version starts,
or print the SQL and give it to whoever may.

Examples:
  $ coterie migrate --store postgres://admin@db.example/team
  $ coterie migrate --print --store postgres://app@db.example/team > upgrade.sql
`

/** `coterie migrate`. */
export function addMigrate(root: Command): void {
  const command = root
    .command('migrate')
    .description('Create the schema of the database, or upgrade it.')
    .option('--print', 'print the SQL, and change nothing')
    .addHelpText('after', EXAMPLE)
    .action(async (flags: { readonly print?: boolean }) => {
      const context = contextOf(command)
      const printOnly = flags.print === true
      const { from, to, sql } = await migrateStore(context.url, printOnly)
      if (context.json)
        context.outJson({ v: 1, from, to, changed: !printOnly && from !== to, ...(printOnly && { sql }) })
      else if (from === to) context.say(`${context.place} has schema ${to}: there is nothing to do`)
      else if (printOnly) context.out(sql.trimEnd())
      else
        context.out(from === 0 ? `schema ${to} was created` : `the schema was brought from ${from} to ${to}`)
    })
}
