use super::*;
use crate::journal::file::disk::OsDisk;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use tempfile::TempDir;

const IN_ORDER: Before = Before {
    has_records: false,
    ended_in_order: true,
};

struct House {
    directory: TempDir,
    secret: JournalSecret,
}

impl House {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let secret = JournalSecret::create(&OsDisk::new(directory.path())).unwrap();
        Self { directory, secret }
    }

    fn kek(&self) -> PathBuf {
        self.directory.path().join("kek")
    }

    fn keys(&self) -> PathBuf {
        self.directory.path().join(SUBJECTS_FILE)
    }

    fn disk(&self) -> OsDisk {
        OsDisk::new(self.directory.path())
    }

    fn open(&self) -> Result<Vault<OsDisk>, VaultFault> {
        self.open_after(IN_ORDER)
    }

    fn open_after(&self, before: Before) -> Result<Vault<OsDisk>, VaultFault> {
        Vault::open(&self.disk(), &self.secret, before)
    }

    fn vault(&self) -> Vault<OsDisk> {
        self.open().unwrap()
    }
}

fn text(text: &str) -> Opened {
    Opened::Text(text.as_bytes().to_vec())
}

#[test]
fn what_was_sealed_opens_also_after_a_restart() {
    let house = House::new();
    let vault = house.vault();
    let subject = vault.subject("main", "customer", "cust-1");
    vault.ensure(&[subject, subject]).unwrap();
    let sealed = vault.seal(subject, "text", b"John Doe").unwrap();
    assert_eq!(sealed.len(), 8 + SEALED_OVERHEAD_BYTES);
    assert_eq!(
        vault.open_text(subject, "text", &sealed).unwrap(),
        text("John Doe")
    );
    drop(vault);
    let vault = house.vault();
    assert_eq!(vault.subject("main", "customer", "cust-1"), subject);
    assert_eq!(
        vault.open_text(subject, "text", &sealed).unwrap(),
        text("John Doe")
    );
    assert_eq!((vault.subjects(), vault.torn_bytes()), (1, 0));
    let reader = Vault::open_read_only(&house.disk(), &house.secret).unwrap();
    assert_eq!(
        reader.open_text(subject, "text", &sealed).unwrap(),
        text("John Doe")
    );
    assert!(matches!(
        reader.ensure(&[SubjectId([9; 16])]),
        Err(VaultFault::ReadOnly)
    ));
    assert!(matches!(
        reader.destroy(&[subject]),
        Err(VaultFault::ReadOnly)
    ));
}

#[test]
fn subjects_are_told_apart_by_every_part_of_their_name() {
    let vault = House::new().vault();
    let ids = [
        vault.subject("main", "customer", "1"),
        vault.subject("side", "customer", "1"),
        vault.subject("main", "account", "1"),
        vault.subject("main", "customer1", ""),
        vault.subject("main", "customer", "2"),
        House::new().vault().subject("main", "customer", "1"),
    ];
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len());
}

#[test]
fn a_ciphertext_opens_only_where_it_belongs() {
    let house = House::new();
    let vault = house.vault();
    let [one, two] = [1, 2].map(|byte| SubjectId([byte; 16]));
    vault.ensure(&[one, two]).unwrap();
    let sealed = vault.seal(one, "text", b"John Doe").unwrap();
    assert_ne!(
        sealed,
        vault.seal(one, "text", b"John Doe").unwrap(),
        "another nonce each time"
    );
    assert_eq!(
        vault.open_text(two, "text", &sealed).unwrap(),
        Opened::Unreadable
    );
    assert_eq!(
        vault.open_text(one, "name", &sealed).unwrap(),
        Opened::Unreadable
    );
    assert_eq!(
        vault
            .open_text(SubjectId([3; 16]), "text", &sealed)
            .unwrap(),
        Opened::Unreadable
    );
    for place in 0..sealed.len() {
        let mut bad = sealed.clone();
        bad[place] ^= 1;
        assert_eq!(
            vault.open_text(one, "text", &bad).unwrap(),
            Opened::Unreadable
        );
        let cut = &sealed[..place];
        assert_eq!(
            vault.open_text(one, "text", cut).unwrap(),
            Opened::Unreadable
        );
    }
}

#[test]
fn no_text_is_sealed_before_its_key_is_durable() {
    let house = House::new();
    let vault = house.vault();
    let subject = SubjectId([1; 16]);
    assert!(matches!(
        vault.seal(subject, "text", b"x"),
        Err(VaultFault::NoKey)
    ));
    vault.ensure(&[subject]).unwrap();
    vault.seal(subject, "text", b"x").unwrap();
    // What a crash right now would leave is the file as it is.
    let copy = House {
        directory: tempfile::tempdir().unwrap(),
        secret: House::new().secret,
    };
    fs::copy(house.kek(), copy.kek()).unwrap();
    fs::copy(house.keys(), copy.keys()).unwrap();
    assert_eq!(copy.vault().subjects(), 1);
}

#[test]
fn an_erased_subject_stays_erased() {
    let house = House::new();
    let vault = house.vault();
    let subjects = [1, 2, 3].map(|byte| SubjectId([byte; 16]));
    vault.ensure(&subjects).unwrap();
    let sealed = subjects.map(|subject| vault.seal(subject, "text", b"John Doe").unwrap());
    let before = fs::read(house.keys()).unwrap();
    let [one, two, _] = subjects;
    let never_seen = SubjectId([9; 16]);
    vault.destroy(&[two, never_seen]).unwrap();

    // The key is in no file any more: nothing of its record but the subject is left.
    let after = fs::read(house.keys()).unwrap();
    let key = &before[32 + 100 + 24..32 + 100 + 96];
    assert!(
        !after
            .windows(8)
            .any(|window| key.windows(8).any(|part| part == window))
    );
    assert_eq!(fs::read_dir(house.directory.path()).unwrap().count(), 3);

    for vault in [vault, house.vault()] {
        assert!(vault.is_erased(two) && vault.is_erased(never_seen) && !vault.is_erased(one));
        assert_eq!(
            vault.open_text(two, "text", &sealed[1]).unwrap(),
            Opened::Erased
        );
        assert_eq!(
            vault.open_text(one, "text", &sealed[0]).unwrap(),
            text("John Doe")
        );
        vault.ensure(&[two, never_seen]).unwrap();
        assert!(matches!(
            vault.seal(two, "text", b"x"),
            Err(VaultFault::Erased)
        ));
        assert!(matches!(
            vault.seal(never_seen, "text", b"x"),
            Err(VaultFault::Erased)
        ));
    }
    let vault = house.vault();
    vault.ensure(&[SubjectId([4; 16])]).unwrap();
    drop(vault);
    assert_eq!(house.vault().subjects(), 5);
}

#[test]
fn a_torn_batch_is_cut_wherever_it_was_torn() {
    let house = House::new();
    let vault = house.vault();
    let first = SubjectId([1; 16]);
    vault.ensure(&[first]).unwrap();
    let sealed = vault.seal(first, "text", b"John Doe").unwrap();
    let batch: Vec<_> = (2..6).map(|byte| SubjectId([byte; 16])).collect();
    vault.ensure(&batch).unwrap();
    drop(vault);
    let whole = fs::read(house.keys()).unwrap();
    let durable = 32 + 100;
    assert_eq!(whole.len(), durable + 4 * 100);

    // Any length, and any record of the batch missing while later ones are there.
    let cuts = (durable..whole.len()).map(|length| whole[..length].to_vec());
    let holes = (1..5).map(|record| {
        let mut torn = whole.clone();
        torn[32 + record * 100..132 + record * 100].fill(0);
        torn
    });
    for torn in cuts.chain(holes) {
        fs::write(house.keys(), &torn).unwrap();
        let vault = house.vault();
        assert_eq!(
            vault.open_text(first, "text", &sealed).unwrap(),
            text("John Doe")
        );
        assert_eq!(fs::metadata(house.keys()).unwrap().len() % 100, 32);
        vault.ensure(&batch).unwrap();
        for subject in &batch {
            vault.seal(*subject, "text", b"x").unwrap();
        }
        drop(vault);
        let vault = house.vault();
        assert_eq!((vault.subjects(), vault.torn_bytes()), (5, 0));
    }
}

#[test]
fn damage_where_it_was_durable_is_refused() {
    let house = House::new();
    let vault = house.vault();
    for byte in 1..4 {
        vault.ensure(&[SubjectId([byte; 16])]).unwrap();
    }
    drop(vault);
    let good = fs::read(house.keys()).unwrap();
    for place in 0..32 + 200 {
        let mut bad = good.clone();
        bad[place] ^= 0x40;
        fs::write(house.keys(), &bad).unwrap();
        let number = (place >= 32).then(|| u32::from(place >= 132));
        match house.open() {
            Err(VaultFault::Damaged { record, .. }) => assert_eq!(record, number, "byte {place}"),
            Err(other) => panic!("byte {place}: {other}"),
            Ok(_) => panic!("byte {place} was not missed"),
        }
        assert_eq!(
            fs::read(house.keys()).unwrap(),
            bad,
            "nothing is repaired by guessing"
        );
    }
}

#[test]
fn the_wrong_kek_and_a_missing_one_are_refused() {
    let house = House::new();
    house.vault().ensure(&[SubjectId([1; 16])]).unwrap();
    let kek = fs::read(house.kek()).unwrap();

    fs::remove_file(house.kek()).unwrap();
    assert!(matches!(house.open(), Err(VaultFault::KekMissing { .. })));
    assert!(
        !house.kek().exists(),
        "a new one would hide that the old one is lost"
    );

    let other = House::new();
    drop(other.vault());
    fs::copy(other.kek(), house.kek()).unwrap();
    assert!(matches!(house.open(), Err(VaultFault::WrongKek { .. })));

    fs::write(house.kek(), kek).unwrap();
    assert_eq!(house.vault().subjects(), 1);
}

#[test]
fn files_are_private() {
    let house = House::new();
    house.vault().ensure(&[SubjectId([1; 16])]).unwrap();
    for path in [house.kek(), house.keys()] {
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
    }
    house.vault().destroy(&[SubjectId([1; 16])]).unwrap();
    assert_eq!(
        fs::metadata(house.keys()).unwrap().permissions().mode() & 0o777,
        0o600
    );
    fs::set_permissions(house.keys(), fs::Permissions::from_mode(0o644)).unwrap();
    assert!(matches!(house.open(), Err(VaultFault::OpenToOthers { .. })));
}

#[test]
fn no_name_and_no_text_stands_in_any_file() {
    let house = House::new();
    let vault = house.vault();
    let subject = vault.subject("main", "customer", "jane-roe-4711");
    vault.ensure(&[subject]).unwrap();
    let sealed = vault
        .seal(subject, "text", b"Jane Roe, Main Street")
        .unwrap();
    let mut files = vec![sealed];
    for entry in fs::read_dir(house.directory.path()).unwrap() {
        files.push(fs::read(entry.unwrap().path()).unwrap());
    }
    for bytes in files {
        for word in [b"jane".as_slice(), b"Jane", b"Main Street"] {
            assert!(!bytes.windows(word.len()).any(|window| window == word));
        }
    }
}

#[test]
fn threads_may_ensure_the_same_subjects_at_once() {
    let house = House::new();
    let vault = house.vault();
    let subjects: Vec<_> = (0..40).map(|byte| SubjectId([byte; 16])).collect();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for subject in &subjects {
                    vault.ensure(&[*subject]).unwrap();
                    let sealed = vault.seal(*subject, "text", b"x").unwrap();
                    assert_eq!(
                        vault.open_text(*subject, "text", &sealed).unwrap(),
                        text("x")
                    );
                }
            });
        }
    });
    drop(vault);
    assert_eq!(house.vault().subjects(), 40);
    let seal = 100;
    assert_eq!(
        fs::metadata(house.keys()).unwrap().len(),
        32 + 40 * 100 + seal
    );
}

#[test]
fn what_a_former_run_left_is_never_taken_for_torn() {
    let house = House::new();
    let subjects = [1, 2, 3].map(|byte| SubjectId([byte; 16]));
    house.vault().ensure(&subjects).unwrap();
    assert_eq!(house.vault().subjects(), 3);
    let good = fs::read(house.keys()).unwrap();
    for place in 32..good.len() - 100 {
        let mut bad = good.clone();
        bad[place] ^= 1;
        fs::write(house.keys(), &bad).unwrap();
        let fault = house.open().err().expect("damage");
        assert!(fault.is_damage(), "byte {place}: {fault}");
    }
    fs::write(house.keys(), &good).unwrap();
    assert_eq!(house.vault().subjects(), 3);
    assert_eq!(fs::read(house.keys()).unwrap(), good, "one seal is enough");
}

#[test]
fn after_a_run_that_broke_off_no_page_of_the_old_file_is_believed() {
    use std::os::unix::fs::MetadataExt;
    let house = House::new();
    house.vault().ensure(&[SubjectId([1; 16])]).unwrap();
    let file = || fs::metadata(house.keys()).unwrap().ino();
    let before = file();
    assert_eq!((house.vault().subjects(), file()), (1, before));
    let broken_off = Before {
        has_records: true,
        ended_in_order: false,
    };
    let vault = house.open_after(broken_off).unwrap();
    assert_eq!(vault.subjects(), 1);
    assert_ne!(file(), before);
}

#[test]
fn a_lost_key_file_is_not_replaced_by_an_empty_one() {
    let house = House::new();
    house.vault().ensure(&[SubjectId([1; 16])]).unwrap();
    fs::remove_file(house.keys()).unwrap();
    let with_records = Before {
        has_records: true,
        ended_in_order: true,
    };
    let fault = house.open_after(with_records).err().expect("a fault");
    assert!(matches!(fault, VaultFault::SubjectsMissing { .. }) && fault.is_damage());
    assert!(!house.keys().exists());
}

#[test]
fn after_a_failed_write_nothing_more_is_written() {
    let house = House::new();
    let vault = house.vault();
    // A file opened for reading only stands in for a disk that says no.
    let file = fs::File::open(house.keys()).unwrap();
    *vault.keyring() = Keyring::new(file, std::collections::BTreeMap::new());
    let subject = SubjectId([1; 16]);
    assert!(matches!(
        vault.ensure(&[subject]),
        Err(VaultFault::Io { .. })
    ));
    assert!(matches!(
        vault.ensure(&[subject]),
        Err(VaultFault::Poisoned)
    ));
    assert!(matches!(
        vault.seal(subject, "text", b"x"),
        Err(VaultFault::NoKey)
    ));
}
