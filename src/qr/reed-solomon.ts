/** Error correction of QR codes: Reed-Solomon over GF(2⁸) modulo x⁸ + x⁴ + x³ + x² + 1, generator 2 (ISO/IEC 18004, annex A). */

const FIELD_POLYNOMIAL = 0x11d

export function multiply(a: number, b: number): number {
  let product = 0
  for (let bit = 7; bit >= 0; bit--) {
    product = (product << 1) ^ ((product >>> 7) * FIELD_POLYNOMIAL)
    product ^= ((b >>> bit) & 1) * a
  }
  return product
}

/** Coefficients of (x − 2⁰)(x − 2¹)…(x − 2ⁿ⁻¹) below the leading one, highest power first. */
function generatorPolynomial(degree: number): Uint8Array {
  const coefficients = new Uint8Array(degree)
  coefficients[degree - 1] = 1
  let root = 1
  for (let i = 0; i < degree; i++) {
    for (let j = 0; j < degree; j++)
      coefficients[j] = multiply(coefficients[j] ?? 0, root) ^ (coefficients[j + 1] ?? 0)
    root = multiply(root, 2)
  }
  return coefficients
}

/** The `count` codewords that follow the data of one block. */
export function errorCorrection(data: Uint8Array, count: number): Uint8Array {
  const generator = generatorPolynomial(count)
  const rest = new Uint8Array(count)
  for (const byte of data) {
    const factor = byte ^ (rest[0] ?? 0)
    rest.copyWithin(0, 1)
    rest[count - 1] = 0
    for (const [i, coefficient] of generator.entries())
      rest[i] = (rest[i] ?? 0) ^ multiply(coefficient, factor)
  }
  return rest
}
