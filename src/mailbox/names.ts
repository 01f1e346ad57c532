/**
 * The stream name under which a read of the space's agents and keys is recorded: its events are the owner's
 * records.
 */
export const KEYS_STREAM = '@agents'
