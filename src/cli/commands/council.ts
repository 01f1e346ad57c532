import type { Command } from 'commander'
import { addEvidence, addPropose, addStatus, addVote } from '../council/ask.ts'
import { addInit, addKey } from '../council/init.ts'
import { addAdd, addMembers, addRemove } from '../council/members.ts'
import { addRun } from '../council/run.ts'

const EXAMPLE = `
A council is n replicas, each with its own key and its own database, that agree although up to a third of them lie or
are away: 4 members tolerate 1, 7 tolerate 2. It orders questions and signed ballots, and certifies the count. It
makes sense when its members belong to different owners and run on different machines; for agents of one owner, a
vote with signatures is simpler and proves as much (docs/concepts/decisions.md). Agreement does not make an answer
right. The guide is docs/guides/councils.md.

The examples try it on this machine; start bob, carol and dave as alice, each in a terminal.

Examples:
  $ coterie council init ./council --members alice,bob,carol,dave
  $ coterie council run ./council/alice
  $ coterie council propose ./council/alice "May we deploy?" --out decision.json
  $ coterie council vote ./council/bob alice.1 approve --reason "tests are green"
  $ coterie verify --certificate decision.json --keys ./council/council.json
`

/** `coterie council init`, `key`, `run`, `status`, `propose`, `vote`, `evidence`, `members`, `add` and `remove`. */
export function addCouncil(root: Command): void {
  const command = root
    .command('council')
    .description('Run a replica of a council, and ask the council.')
    .addHelpText('after', EXAMPLE)
  const asking = [addStatus, addPropose, addVote, addEvidence, addMembers, addAdd, addRemove]
  for (const add of [addInit, addKey, addRun, ...asking]) add(command)
}
