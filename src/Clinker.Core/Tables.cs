using Clinker.Attachments;
using Clinker.Messages;
using Clinker.Quotas;
using Clinker.Scheduling;
using Clinker.Services;
using Clinker.Snapshots;
using Clinker.Store;
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
        public AttachmentTable Attachments => new(tx);
        public TypeTable Types => new(tx);
        public QuotaTable Quotas => new(tx);
        public ServiceTable Services => new(tx);
        public PoolTable Pools => new(tx);
        public MessageTable Messages => new(tx);
    }
}
