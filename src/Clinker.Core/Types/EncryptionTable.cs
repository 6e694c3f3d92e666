using System.Data.Common;
using Clinker.Operations;
using Clinker.Store;

namespace Clinker.Types;

/// <summary>How volumes of a type are encrypted.</summary>
public sealed record TypeEncryption
{
    public required string Id { get; init; }
    public required string VolumeTypeId { get; init; }
    /// <summary>luks, plain, or an older class name for one of them.</summary>
    public required string Provider { get; init; }
    /// <summary>front-end (the hypervisor encrypts) or back-end.</summary>
    public required string ControlLocation { get; init; }
    public string? Cipher { get; init; }
    /// <summary>In bits.</summary>
    public int? KeySize { get; init; }
    public required DateTime CreatedAt { get; init; }
    public DateTime? UpdatedAt { get; init; }
}

/// <summary>Which rows of type encryptions change: at most one for each type.</summary>
public readonly struct EncryptionTable(Tx tx)
{
    static readonly Sql All = Sql.Raw("id, volume_type_id, provider, control_location, cipher, key_size, created_at, updated_at");

    /// <exception cref="FaultException">Invalid: the type has one.</exception>
    public async Task<TypeEncryption> Insert(TypeEncryption e)
    {
        var inserted = await tx.Execute($"""
            insert into type_encryption ({All}) values ({e.Id}, {e.VolumeTypeId}, {e.Provider}, {e.ControlLocation}, {e.Cipher},
              {e.KeySize}, {e.CreatedAt}, {e.UpdatedAt}) on conflict do nothing
            """);
        return inserted == 1
            ? e
            : throw new Fault.Invalid($"Volume type encryption for type {e.VolumeTypeId} already exists.").Thrown();
    }

    public Task<TypeEncryption?> Find(string typeId) =>
        tx.One<TypeEncryption?>($"select {All} from type_encryption where volume_type_id = {typeId}", Read);

    public Task Update(TypeEncryption e) => tx.Execute($"""
        update type_encryption set provider = {e.Provider}, control_location = {e.ControlLocation}, cipher = {e.Cipher},
          key_size = {e.KeySize}, updated_at = {tx.Now}
        where volume_type_id = {e.VolumeTypeId}
        """);

    /// <summary>False when the type had none.</summary>
    public async Task<bool> Remove(string typeId) =>
        1 == await tx.Execute($"delete from type_encryption where volume_type_id = {typeId}");

    static TypeEncryption Read(DbDataReader r) => new()
    {
        Id = r.GetString(0),
        VolumeTypeId = r.GetString(1),
        Provider = r.GetString(2),
        ControlLocation = r.GetString(3),
        Cipher = r.Text(4),
        KeySize = r.IsDBNull(5) ? null : r.GetInt32(5),
        CreatedAt = r.Time(6),
        UpdatedAt = r.TimeOrNull(7),
    };
}
