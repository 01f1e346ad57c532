/**
 * Who leads when. Leaders take turns; one that was slow again and again is left out for a while. All of it follows
 * from decided values alone, so that all members have the same order.
 *
 * @module
 */

import type { Membership } from './membership.ts'
import type { ComplaintSet } from './proposal.ts'

/** A proven complaint that was counted. */
export type Mark = { readonly height: number; readonly view: number; readonly leader: string }
/** A leader that is left out below the height `until`. It stays here afterwards: on probation. */
export type Suspension = { readonly leader: string; readonly until: number; readonly times: number }
/** What the order of leaders depends on. */
export type Rotation = { readonly marks: readonly Mark[]; readonly suspensions: readonly Suspension[] }

/** Nobody was slow yet. */
export const FRESH_ROTATION: Rotation = Object.freeze({ marks: [], suspensions: [] })

/** Complaints count when they are decided within so many heights. */
export const COMPLAINT_HEIGHTS = 64
/** Complaints are made of the first views of a height only. */
export const COMPLAINT_VIEWS = 8
const MARKS_MAX = 3
const SUSPENSION_TURNS = 16
const DOUBLINGS_MAX = 10

/** The places of those who take turns at a height, in order. More weight than may lie always remains. */
export function leadersAt(membership: Membership, rotation: Rotation, height: number): readonly number[] {
  const left = new Set<string>()
  let leftWeight = 0
  for (const { leader, until } of rotation.suspensions) {
    const weight = membership.members.find(({ id }) => id === leader)?.weight
    if (until <= height || weight === undefined || leftWeight + weight > membership.faultyWeight) continue
    left.add(leader)
    leftWeight += weight
  }
  return membership.members.flatMap(({ id }, index) => (left.has(id) ? [] : [index]))
}

/** The place of the leader of a view. */
export function leaderOf(leaders: readonly number[], height: number, view: number): number {
  return leaders[(height + view) % leaders.length] ?? 0
}

/** Whether a set of complaints would count at this height: it is recent, and its view was not counted before. */
export function countsAt(rotation: Rotation, set: ComplaintSet, height: number): boolean {
  if (set.height >= height || set.height < height - COMPLAINT_HEIGHTS) return false
  return !rotation.marks.some((mark) => mark.height === set.height && mark.view === set.view)
}

/** The rotation after a value with these complaints was decided at a height. */
export function afterComplaints(
  rotation: Rotation,
  membership: Membership,
  complaints: readonly ComplaintSet[],
  height: number,
): Rotation {
  const old = height - COMPLAINT_HEIGHTS
  if (complaints.length === 0 && (rotation.marks[0]?.height ?? height) > old) return rotation
  const fresh = complaints.map((set) => ({ height: set.height, view: set.view, leader: set.leader }))
  const marks = [...rotation.marks.filter((mark) => mark.height > old), ...fresh]
  marks.sort((a, b) => a.height - b.height || a.view - b.view)
  let suspensions = rotation.suspensions
  for (const leader of new Set(fresh.map((mark) => mark.leader))) {
    const earlier = suspensions.find((one) => one.leader === leader)
    const isSuspended = earlier !== undefined && earlier.until > height
    const since = earlier?.until ?? 0
    const count = marks.filter((mark) => mark.leader === leader && mark.height >= since).length
    if (isSuspended || count < (earlier === undefined ? MARKS_MAX : 1)) continue
    const times = (earlier?.times ?? 0) + 1
    const turns = SUSPENSION_TURNS * 2 ** Math.min(times - 1, DOUBLINGS_MAX)
    const until = height + 1 + turns * membership.members.length
    suspensions = [...suspensions.filter((one) => one !== earlier), { leader, until, times }]
  }
  return { marks, suspensions }
}
