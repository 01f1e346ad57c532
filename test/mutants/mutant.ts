/** One deliberate fault, and the tests that must notice it. */
export interface Mutant {
  /** Short and unique, in kebab case: `skips-the-fence-check`. */
  readonly name: string
  /** The invariant that it breaks, by its number or in a few words. */
  readonly invariant: string
  /** The file that it changes, from the root of the repository. */
  readonly file: string
  /** Text that occurs exactly once in the file. */
  readonly find: string
  /** What stands there instead. It must still parse: a file that does not is no mutant. */
  readonly replace: string
  /** Test files, from the root of the repository; one of them at least must fail. */
  readonly tests: readonly string[]
}
