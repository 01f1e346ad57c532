/** A private key that only the {@link Crypto} that made it can read. */
export interface PrivateKey {
  readonly type: 'private-key'
}

/** A key pair with its id: the first 40 hex digits of SHA-256 over the raw public key. */
export interface KeyPair {
  readonly id: string
  /** The raw 32 bytes of the Ed25519 public key (RFC 8032), base64url. */
  readonly publicKey: string
  readonly privateKey: PrivateKey
}

/** The cryptography that Coterie needs: SHA-256 and Ed25519 (RFC 8032). */
export interface Crypto {
  /** Lower-case hex. A string is hashed as UTF-8. */
  sha256(data: Uint8Array | string): string
  /** The signature, base64url of 64 bytes. */
  sign(privateKey: PrivateKey, data: Uint8Array): string
  /** False for anything that is not a valid signature; never throws. */
  verify(publicKey: string, data: Uint8Array, signature: string): boolean
  /**
   * Encrypts for the holder of the private key, and for nobody else (AES-256-GCM, NIST SP 800-38D): base64url of the
   * `iv` (12 bytes, never used twice for one key and `place`), the ciphertext and the tag. What is opened under
   * another `place` does not open.
   */
  seal(privateKey: PrivateKey, place: Uint8Array, iv: Uint8Array, data: Uint8Array): string
  /** What `seal` was given; undefined for anything that was not sealed with this key for this place. */
  unseal(privateKey: PrivateKey, place: Uint8Array, text: string): Uint8Array | undefined
  /** A key pair from a 32-byte secret seed (RFC 8032 section 5.1.5). */
  keyPair(seed: Uint8Array): KeyPair
}
