/** A running hash over everything that happens: two runs of one seed must end with the same one. */
export class TraceDigest {
  #a = 0xdeadbeef
  #b = 0x41c6ce57
  readonly #tell: ((line: string) => void) | undefined

  /** `tell` is given each line, for those who want to read what happened. */
  constructor(tell?: (line: string) => void) {
    this.#tell = tell
  }

  /** An event of the timeline. They are many, so they are hashed and not told. */
  event(at: number, owner: string, label: string): void {
    this.#add(`${at} ${owner} ${label}`)
  }

  /** Something worth telling. */
  note(line: string): void {
    this.#add(line)
    this.#tell?.(line)
  }

  /** 16 hex digits. */
  get value(): string {
    return [this.#a, this.#b].map((n) => (n >>> 0).toString(16).padStart(8, '0')).join('')
  }

  #add(text: string): void {
    let a = this.#a
    let b = this.#b
    for (let i = 0; i < text.length; i++) {
      const unit = text.charCodeAt(i)
      a = Math.imul(a ^ unit, 0x9e3779b1)
      b = Math.imul(b ^ unit, 0x5f356495)
      a ^= a >>> 15
    }
    this.#a = Math.imul(a ^ (a >>> 16), 0x85ebca77) ^ Math.imul(b ^ (b >>> 13), 0xc2b2ae3d)
    this.#b = Math.imul(b ^ (b >>> 16), 0x85ebca77) ^ Math.imul(a ^ (a >>> 13), 0xc2b2ae3d)
  }
}
