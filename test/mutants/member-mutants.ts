import type { Mutant } from './mutant.ts'

const ACQUAINTANCE = ['test/bft/acquaintance.test.ts']
const APPLICATION = ['test/council/application.test.ts']
const CHAIN = ['test/council/chain.test.ts']
const CHANGES = ['test/council/changes.test.ts']
const LEDGER = ['test/bft/ledger.test.ts']
const MEET = ['test/adapters/http/meet.test.ts']
const VAIN = ['test/council/void-change.test.ts']
const TRANSPORT = ['test/council/space-transport.test.ts']

const CATCH_UP_FILE = 'src/bft/catch-up.ts'
const CHAIN_FILE = 'src/council/chain.ts'
const CHANGES_FILE = 'src/runtime/council/changes.ts'
const LEDGER_FILE = 'src/bft/ledger.ts'
const REPLICA_FILE = 'src/runtime/council/replica.ts'

/** Faults in changing the members of a council that runs. */
export const memberMutants: readonly Mutant[] = [
  {
    name: 'council-keeps-whom-it-removed',
    invariant: 'a member that was removed counts no more',
    file: 'src/bft/operations.ts',
    find: 'return [...members.filter(({ id }) => !remove.includes(id)), ...add]',
    replace: 'return [...members.filter(({ id }) => remove.length < 0 || id !== ""), ...add]',
    tests: LEDGER,
  },
  {
    name: 'council-changes-before-it-is-decided',
    invariant: 'a change of members takes effect when it is final, at the next height',
    file: LEDGER_FILE,
    find: '!isAuthentic(rules.crypto, ledger.membership, rules.instance, operation)',
    replace: '!isAuthentic(rules.crypto, folded.change ?? ledger.membership, rules.instance, operation)',
    tests: LEDGER,
  },
  {
    name: 'council-changes-all-at-once',
    invariant: 'no more weight changes at once than may lie',
    file: 'src/bft/operations.ts',
    find: 'changing === 0 || changing > membership.faultyWeight',
    replace: 'changing === 0',
    tests: LEDGER,
  },
  {
    name: 'council-shows-former-members-everything',
    invariant: 'who was removed is shown nothing beyond its removal when it asks',
    file: CATCH_UP_FILE,
    find: 'Math.min(wanted.last, known.until, replica.height - 1)',
    replace: 'Math.min(wanted.last, replica.height - 1)',
    tests: ACQUAINTANCE,
  },
  {
    name: 'council-sends-former-members-everything',
    invariant: 'who was removed is shown nothing beyond its removal when it says where it is',
    file: CATCH_UP_FILE,
    find: 'Math.min(known.until, replica.height - 1)',
    replace: 'replica.height - 1',
    tests: ACQUAINTANCE,
  },
  {
    name: 'council-tells-former-members-more-than-decisions',
    invariant: 'who is no member gets decisions, and nothing else',
    file: CATCH_UP_FILE,
    find: "if (sender < 0 && wanted.kind !== 'decisions') return",
    replace: '',
    tests: ACQUAINTANCE,
  },
  {
    name: 'council-believes-former-members',
    invariant: 'what a former member says of its height is no reason to ask it',
    file: CATCH_UP_FILE,
    find: 'height > replica.height && known.until === Number.POSITIVE_INFINITY',
    replace: 'height > replica.height',
    tests: ACQUAINTANCE,
  },
  {
    name: 'council-notes-agreement-that-nobody-signed',
    invariant: 'a member agrees to a change with its own signature, in the present epoch',
    file: 'src/council/application.ts',
    find: "if (!crypto.verify(membership.members[place]?.publicKey ?? '', agreement, signature)) return state",
    replace: '',
    tests: APPLICATION,
  },
  {
    name: 'council-keeps-agreement-of-an-earlier-epoch',
    invariant: 'agreement counts in its epoch only',
    file: 'src/council/application.ts',
    find: '([, one]) => one.epoch === epoch',
    replace: '([, one]) => one.epoch <= epoch',
    tests: APPLICATION,
  },
  {
    name: 'council-lets-a-member-fill-its-state-with-changes',
    invariant: 'a member agrees to so many changes and no more',
    file: 'src/council/application.ts',
    find: 'if (own >= CHANGES_PER_MEMBER_MAX) return state',
    replace: '',
    tests: APPLICATION,
  },
  {
    name: 'council-keeps-agreement-to-the-impossible',
    invariant: 'what can never be decided takes no room',
    file: 'src/council/application.ts',
    find: 'if (changeProblem(membership, change, []) !== undefined) return state',
    replace: '',
    tests: APPLICATION,
  },
  {
    name: 'council-loses-a-change-with-who-asked-for-it',
    invariant: 'a change to which a quorum has agreed is handed in whoever is gone',
    file: CHANGES_FILE,
    find: 'if (author !== self && now - since < PATIENCE_MS) return',
    replace: 'if (author !== self && now - since < PATIENCE_MS * 100) return',
    tests: VAIN,
  },
  {
    name: 'chain-follows-what-no-quorum-finalised',
    invariant: 'a change is followed when a quorum of those before it has finalised it',
    file: CHAIN_FILE,
    find: 'if (flaw !== undefined) return flaw',
    replace: '',
    tests: CHAIN,
  },
  {
    name: 'chain-follows-another-value-than-was-finalised',
    invariant: 'the finalisation of a change is for the value that has it',
    file: CHAIN_FILE,
    find: "if (finalization.value !== valueDigest(crypto, value)) return 'its finalisation is for another value'",
    replace: '',
    tests: CHAIN,
  },
  {
    name: 'chain-follows-what-nobody-agreed-to',
    invariant: 'a change is followed when a quorum has agreed to it',
    file: CHAIN_FILE,
    find: "if (typeof members === 'string') return members",
    replace: '',
    tests: CHAIN,
  },
  {
    name: 'chain-revives-a-removed-key',
    invariant: 'along a chain a removed key stays dead',
    file: CHAIN_FILE,
    find: 'retired.push(...membership',
    replace: 'void (membership',
    tests: CHAIN,
  },
  {
    name: 'chain-goes-back',
    invariant: 'each change is of a later height than the one before',
    file: CHAIN_FILE,
    find: "if (value.height <= heightBefore) return 'it is of an earlier height than the one before'",
    replace: '',
    tests: CHAIN,
  },
  {
    name: 'chain-takes-one-of-two-changes',
    invariant: 'a value changes the members once',
    file: CHAIN_FILE,
    find: 'operation === undefined || second !== undefined',
    replace: 'operation === undefined',
    tests: CHAIN,
  },
  {
    name: 'council-gives-a-name-twice',
    invariant: 'a name means one owner for ever',
    file: CHANGES_FILE,
    find: 'if (epochs.isKnown(id)) return',
    replace: 'if (epochs.isKnown(`${id}?`)) return',
    tests: CHANGES,
  },
  {
    name: 'council-waits-for-a-change-that-can-never-be',
    invariant: 'a change that was handed in in vain holds nothing up',
    file: REPLICA_FILE,
    find: "if (body.kind !== 'change') return false",
    replace: "if (body.kind !== 'application' || body.kind === 'application') return false",
    tests: VAIN,
  },
  {
    name: 'council-keeps-changes-that-can-never-be',
    invariant: 'a change that was handed in in vain makes room for what its author says next',
    file: 'src/bft/views.ts',
    find: "(membership === before || body.kind !== 'change')",
    replace: "(membership === before || body.kind !== '')",
    tests: ACQUAINTANCE,
  },
  {
    name: 'council-takes-changes-that-can-never-be',
    invariant: 'a change of an earlier epoch does not come back in the place of what its author says instead',
    file: 'src/bft/receive.ts',
    find: "if (body.kind === 'change' && !isOfEpoch(rules.crypto, ledger.membership, rules.instance, body)) return",
    replace: '',
    tests: ACQUAINTANCE,
  },
  {
    name: 'council-removed-goes-on-asking',
    invariant: 'who was removed says so instead of asking in vain',
    file: REPLICA_FILE,
    find: "const { standing } = this\n    if (standing === 'removed') throw this.#removedError()",
    replace: 'const { standing } = this',
    tests: CHANGES,
  },
  {
    name: 'http-tells-former-members-everything',
    invariant: 'who is no member any more is told nothing that it does not ask for',
    file: 'src/adapters/http/council-transport.ts',
    find: 'if (!link.isPassive) link.send(text)',
    replace: 'link.send(text)',
    tests: MEET,
  },
  {
    name: 'http-hears-whom-the-identity-knows',
    invariant: 'who is heard is said by the replica',
    file: 'src/adapters/http/council-transport.ts',
    find: 'this.#contacts = new Map(others.map((other) => [other.id, other]))',
    replace: 'this.#contacts ??= new Map(others.map((other) => [other.id, other]))',
    tests: MEET,
  },
  {
    name: 'space-tells-former-members-everything',
    invariant: 'who is no member any more is told nothing that it does not ask for',
    file: 'src/runtime/council/space-transport.ts',
    find: 'if (to === null ? peer.isMember : to === peer.id)',
    replace: 'if (to === null || to === peer.id)',
    tests: TRANSPORT,
  },
]
