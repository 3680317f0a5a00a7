//! Which file systems are refused unless the host allows them: locks and atomic renames do not hold there for certain.

/// `f_type` of network, cluster and FUSE file systems, as `statfs(2)` and the kernel's `magic.h` give them.
#[cfg(any(target_os = "linux", target_os = "android"))]
const REMOTE_MAGICS: [u32; 17] = [
    0x6969,      // NFS
    0x517b,      // SMB
    0xff53_4d42, // CIFS
    0xfe53_4d42, // SMB2
    0x6573_5546, // FUSE
    0x0102_1997, // 9P
    0x00c3_6400, // Ceph
    0x5346_414f, // AFS
    0x6b41_4653, // kAFS
    0x7375_7245, // Coda
    0x0000_564c, // NCP
    0x0116_1970, // GFS2
    0x7461_636f, // OCFS2
    0x0bd0_0bd0, // Lustre
    0x4750_4653, // GPFS
    0x786f_4256, // VirtualBox shared folders
    0xaad7_aaea, // PanFS
];

#[cfg(any(target_os = "linux", target_os = "android"))]
pub(crate) fn is_remote(status: &rustix::fs::StatFs) -> bool {
    // The field is signed on some architectures; its low 32 bits are the magic on all.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the low 32 bits are meant"
    )]
    let magic = status.f_type as u32;
    REMOTE_MAGICS.contains(&magic)
}

/// `MNT_LOCAL` of `statfs(2)` on the BSDs and Apple's systems.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(crate) fn is_remote(status: &rustix::fs::StatFs) -> bool {
    const MNT_LOCAL: u64 = 0x1000;
    status.f_flags as u64 & MNT_LOCAL == 0
}
