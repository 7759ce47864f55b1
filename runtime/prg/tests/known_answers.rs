//! The streams are what an independent implementation (Python, `cryptography`) makes of the layout in the crate's documentation.

use treville_prg::{CHUNK_DIGITS, Key, Prg, PrgError, SESSION_INFERENCE, StreamId};

const ID: StreamId = StreamId { op: 3, inference: 5, purpose: 7, step: 11 };

fn prg() -> Prg {
    Prg::new(Key::new(std::array::from_fn(|i| i as u8)))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn the_counter_block_has_the_documented_layout() {
    // FIPS-197, appendix C.1: the counter block is the plaintext of the example.
    let id = StreamId { op: 0x00112233, inference: 0x44556677, purpose: 0x88, step: 0x99aa };
    let mut block = [0; 16];
    prg().fill_bytes(id, 0xbbccddeeff * 16, &mut block).unwrap();
    assert_eq!(hex(&block), "69c4e0d86a7b0430d8cdb78070b4c55a");
}

#[test]
fn bytes_and_elements_are_the_stream() {
    let mut bytes = [0; 40];
    prg().fill_bytes(ID, 13, &mut bytes).unwrap();
    assert_eq!(hex(&bytes), "c1bc95fe529427419e69ff948ac36d1916325e449a33cfbe87a44daa6977a24bb6407e7e3d39d825");
    let mut elements = [0; 6];
    prg().fill_u64(ID, 0, &mut elements).unwrap();
    assert_eq!(
        elements,
        [
            0xb51d305b6a464e45,
            0x95bcc11ab0adec2c,
            0xff699e41279452fe,
            0x5e3216196dc38a94,
            0x4da487becf339a44,
            0x7e40b64ba27769aa
        ]
    );
}

#[test]
fn digits_are_the_accepted_bytes() {
    let mut digits = [0; 3 * CHUNK_DIGITS];
    prg().fill_digits(ID, 0, &mut digits).unwrap();
    let chunk = &digits[2 * CHUNK_DIGITS..];
    assert_eq!(chunk[..12], [46, 26, 21, 52, 45, 66, 27, 11, 50, 33, 63, 33]);
    assert_eq!(chunk[CHUNK_DIGITS - 6..], [58, 9, 60, 60, 1, 10]);
    assert_eq!(chunk.iter().map(|&digit| u32::from(digit)).sum::<u32>(), 135128);
    prg().fill_nonzero_digits(ID, 0, &mut digits).unwrap();
    let chunk = &digits[2 * CHUNK_DIGITS..];
    assert_eq!(chunk[..12], [49, 29, 24, 53, 48, 2, 30, 13, 53, 36, 65, 34]);
    assert_eq!(chunk[CHUNK_DIGITS - 6..], [62, 43, 48, 15, 41, 47]);
    assert_eq!(chunk.iter().map(|&digit| u32::from(digit)).sum::<u32>(), 136375);
}

#[test]
fn any_tile_is_addressable() {
    let prg = prg();
    let mut whole = vec![0; 1000];
    prg.fill_u64(ID, 0, &mut whole).unwrap();
    let mut bytes = vec![0; 8000];
    prg.fill_bytes(ID, 0, &mut bytes).unwrap();
    for (start, len) in [(0, 1), (1, 0), (1, 1), (1, 2), (3, 300), (4, 257), (511, 489), (999, 1)] {
        let mut tile = vec![0; len];
        prg.fill_u64(ID, start as u64, &mut tile).unwrap();
        assert_eq!(tile, whole[start..start + len]);
        let mut tile = vec![0; 3 * len];
        prg.fill_bytes(ID, start as u64, &mut tile).unwrap();
        assert_eq!(tile, bytes[start..start + 3 * len]);
    }
    let mut whole = vec![0; 3 * CHUNK_DIGITS + 7];
    prg.fill_digits(ID, 0, &mut whole).unwrap();
    for (chunk, len) in [(0, 1), (1, 5), (1, CHUNK_DIGITS + 1), (3, 7)] {
        let mut tile = vec![0; len];
        prg.fill_digits(ID, chunk as u64, &mut tile).unwrap();
        assert_eq!(tile, whole[chunk * CHUNK_DIGITS..][..len]);
    }
}

#[test]
fn streams_differ_in_every_field() {
    let ids = [
        ID,
        StreamId { op: 4, ..ID },
        StreamId { inference: SESSION_INFERENCE, ..ID },
        StreamId { purpose: 8, ..ID },
        StreamId { step: 12, ..ID },
    ];
    let mut firsts: Vec<u64> = ids
        .iter()
        .map(|&id| {
            let mut first = [0];
            prg().fill_u64(id, 0, &mut first).unwrap();
            first[0]
        })
        .collect();
    firsts.sort();
    firsts.dedup();
    assert_eq!(firsts.len(), ids.len());
}

#[test]
fn a_stream_ends_at_block_2_to_the_40() {
    let prg = prg();
    let mut last = [0; 16];
    prg.fill_bytes(ID, (16 << 40) - 16, &mut last).unwrap();
    assert_eq!(hex(&last), "0b498889eb0a1050534ec3aafb0c7004");
    assert!(matches!(prg.fill_bytes(ID, (16 << 40) - 15, &mut last), Err(PrgError::Range { len: 16, .. })));
    assert!(prg.fill_u64(ID, 1 << 41, &mut [0]).is_err());
    assert!(prg.fill_u64(ID, u64::MAX, &mut [0; 2]).is_err());
    assert!(prg.fill_u64(ID, (1 << 41) - 1, &mut [0]).is_ok());
    assert!(prg.fill_digits(ID, 1 << 28, &mut [0]).is_err());
    assert!(prg.fill_digits(ID, (1 << 28) - 1, &mut [0; CHUNK_DIGITS + 1]).is_err());
    assert!(prg.fill_digits(ID, (1 << 28) - 1, &mut [0; CHUNK_DIGITS]).is_ok());
}

#[test]
fn digits_are_uniform() {
    // 2^20 digits; chi-square with 66 (65) degrees of freedom stays below 130 with probability above 1 - 10^-5. The seed is fixed.
    let mut digits = vec![0; 1 << 20];
    for (nonzero, size) in [(false, 67usize), (true, 66)] {
        if nonzero {
            prg().fill_nonzero_digits(ID, 0, &mut digits).unwrap();
        } else {
            prg().fill_digits(ID, 0, &mut digits).unwrap();
        }
        let mut counts = vec![0f64; size];
        digits.iter().for_each(|&digit| counts[usize::from(digit) - usize::from(nonzero)] += 1.0);
        let expected = digits.len() as f64 / size as f64;
        let chi_square: f64 = counts.iter().map(|count| (count - expected).powi(2) / expected).sum();
        assert!(chi_square < 130.0, "chi-square {chi_square}");
    }
}

#[test]
fn the_odd_ring_has_no_max() {
    let mut elements = vec![0; 1000];
    let mut plain = vec![0; 1000];
    prg().fill_odd_ring(ID, 17, &mut elements).unwrap();
    prg().fill_u64(ID, 17, &mut plain).unwrap();
    assert_eq!(elements, plain);
}

#[test]
fn secrets_are_not_printed() {
    assert_eq!(format!("{:?} {:?}", Key::new([0x5a; 16]), prg()), "Key(..) Prg(..)");
}
