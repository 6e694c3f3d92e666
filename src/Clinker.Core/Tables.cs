using Clinker.Attachments;
using Clinker.Backups;
using Clinker.Groups;
using Clinker.Messages;
using Clinker.Quotas;
using Clinker.Scheduling;
using Clinker.Services;
using Clinker.Snapshots;
using Clinker.Store;
using Clinker.Transfers;
using Clinker.Types;
using Clinker.Volumes;

namespace Clinker;

/// <summary>The nouns' tables, hung on the transaction.</summary>
public static class Tables
{
    extension(Tx tx)
    {
        public VolumeTable Volumes => new(tx);
        public SnapshotTable Snapshots => new(tx);
        public BackupTable Backups => new(tx);
        public TransferTable Transfers => new(tx);
        public AttachmentTable Attachments => new(tx);
        public TypeTable Types => new(tx);
        public QosTable QosSpecs => new(tx);
        public EncryptionTable Encryptions => new(tx);
        public GroupTypeTable GroupTypes => new(tx);
        public GroupTable Groups => new(tx);
        public GroupSnapshotTable GroupSnapshots => new(tx);
        public QuotaTable Quotas => new(tx);
        public ServiceTable Services => new(tx);
        public PoolTable Pools => new(tx);
        public MessageTable Messages => new(tx);
    }
}
