import { CoterieError } from '../../core/errors.ts'

/** The key here belongs to somebody else. */
export function foreignKey(self: string): CoterieError {
  const message = `The key of ${JSON.stringify(self)} here is not the one that the membership file names.`
  return new CoterieError('COTERIE_KEY_MISMATCH', message, { details: { member: self } })
}

/** The replica was closed. */
export function closedError(): CoterieError {
  return new CoterieError('COTERIE_CLOSED', 'This replica is closed.')
}

/** The replica cannot do this now. */
export function notReady(why: string): CoterieError {
  return new CoterieError('COTERIE_COUNCIL_UNREADY', `This replica takes nothing at the moment: ${why}.`)
}

/** The replica has stopped for good. */
export function haltedError(reason: string): CoterieError {
  const message =
    reason === 'fork'
      ? 'The council has forked: more members lie than can be tolerated. The evidence names them.'
      : 'This replica does not compute what the others do, and has stopped for good.'
  return new CoterieError('COTERIE_COUNCIL_HALTED', message, { details: { reason } })
}

/** The council goes on without this member. */
export function removedError(instance: string, self: string, height: number): CoterieError {
  const message =
    `The council ${instance} has removed ${JSON.stringify(self)} with height ${height}: ` +
    'it votes no more. What was decided until then can still be read here.'
  return new CoterieError('COTERIE_COUNCIL_LEFT', message, { details: { member: self, height } })
}
