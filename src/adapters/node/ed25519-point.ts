// The y coordinates of the eight points of small order, without the sign of x, least byte first.
const SMALL_ORDER = new Set([
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0100000000000000000000000000000000000000000000000000000000000000',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
])

/**
 * Whether the 32 bytes of an Ed25519 public key may be a key: false for a point of small order, under which one
 * signature can pass for many messages, and for a y that is not below the field's prime, which is a second name
 * for another key ("Taming the many EdDSAs", sections 3 and 4). OpenSSL 3.0, in Node 22, accepts both; 3.5 does not.
 */
export function isSafePoint(raw: Uint8Array): boolean {
  const y = Buffer.from(raw)
  y.writeUInt8(y.readUInt8(31) & 0x7f, 31)
  if (SMALL_ORDER.has(y.toString('hex'))) return false
  // The prime is 2^255 - 19: ed ff .. ff 7f, least byte first.
  return y.readUInt8(31) !== 0x7f || y.readUInt8(0) < 0xed || y.subarray(1, 31).some((byte) => byte !== 0xff)
}
