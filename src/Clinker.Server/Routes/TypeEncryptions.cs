using System.Text.Json;
using Clinker.Operations;
using Clinker.Server.Api;
using Clinker.Server.Shapes;
using Clinker.Store;
using Clinker.Types;

namespace Clinker.Server.Routes;

/// <summary>How volumes of a type are encrypted (cinder/api/contrib/volume_type_encryption.py). It stays as it is while there are any.</summary>
static class TypeEncryptions
{
    public static void Map(RouteTable api)
    {
        api.Get("type_encryption_show", "/types/{id}/encryption", Show, rule: "volume_extension:volume_type_encryption:get");
        api.Post("type_encryption_create", "/types/{id}/encryption", EncryptionForm.Create, Create,
            rule: "volume_extension:volume_type_encryption:create", success: 200);
        api.Get("type_encryption_show_key", "/types/{id}/encryption/{key}", ShowKey, rule: "volume_extension:volume_type_encryption:get");
        api.Put("type_encryption_update", "/types/{id}/encryption/{key}", EncryptionForm.Update, Update,
            rule: "volume_extension:volume_type_encryption:update");
        api.Delete("type_encryption_delete", "/types/{id}/encryption/{key}", Delete,
            rule: "volume_extension:volume_type_encryption:delete");
    }

    static async Task<MaybeBare<EncryptionShape>> Show(Call call, string id) =>
        new(await Find(call, id) is { } encryption ? new EncryptionShape(encryption) : null);

    static async Task<OneMember<EncryptionShape>> ShowKey(Call call, string id, string key) =>
        await Find(call, id) is { } encryption && EncryptionShape.Members.Contains(key)
            ? new(new EncryptionShape(encryption), key)
            : throw Missing(id);

    static async Task<EncryptionMade> Create(Call call, string id, EncryptionForm want)
    {
        var made = new TypeEncryption
        {
            Id = call.Ids.New(),
            VolumeTypeId = id,
            Provider = want.Provider!,
            ControlLocation = want.ControlLocation!,
            Cipher = want.Cipher,
            KeySize = want.KeySize,
            CreatedAt = call.Now,
        };
        await call.Db.Commit(async tx =>
        {
            await Demand(tx, call, id, "create");
            await tx.Encryptions.Insert(made);
        });
        return new(made);
    }

    static async Task<EncryptionChanged> Update(Call call, string id, string key, EncryptionForm want) => new(await call.Db.Commit(async tx =>
    {
        _ = key; // a type has one at most; clients say "provider" for its id (python-cinderclient, volume_encryption_types.py)
        await Demand(tx, call, id, "update");
        var now = await tx.Encryptions.Find(id) ?? throw Missing(id);
        var changed = now with
        {
            Provider = want.Provider ?? now.Provider,
            ControlLocation = want.ControlLocation ?? now.ControlLocation,
            Cipher = want.HasCipher ? want.Cipher : now.Cipher,
            KeySize = want.HasKeySize ? want.KeySize : now.KeySize,
        };
        await tx.Encryptions.Update(changed);
        return changed;
    }));

    static Task Delete(Call call, string id, string key) => call.Db.Commit(async tx =>
    {
        _ = key;
        await Demand(tx, call, id, "delete");
        if (!await tx.Encryptions.Remove(id)) throw Missing(id);
    });

    static Task<TypeEncryption?> Find(Call call, string id) => call.Db.Read(async tx =>
    {
        await VolumeTypes.Get(tx, call, id);
        return await tx.Encryptions.Find(id);
    });

    static async Task Demand(Tx tx, Call call, string id, string verb)
    {
        await VolumeTypes.Get(tx, call, id, @lock: true);
        if (await tx.Types.InUse(id)) throw Refusal.BadRequest($"Cannot {verb} encryption specs. Volume type in use.");
    }

    static FaultException Missing(string id) => new Fault.Missing($"Volume type encryption for type {id} does not exist.").Thrown();
}

/// <summary>What is asked of a type's encryption.</summary>
sealed record EncryptionForm(string? Provider, string? ControlLocation, bool HasCipher, string? Cipher, bool HasKeySize, int? KeySize)
{
    static readonly Must Location = Must.OneOf("front-end", "back-end");

    public static readonly Form<EncryptionForm> Create = new(
        Must.Object(Must.Required("encryption", Must.Object(
            Must.Optional("key_size", Must.KeySizeOrNull),
            Must.Required("provider", Must.Text()),
            Must.Required("control_location", Location),
            Must.Optional("cipher", Must.Text(orNull: true))).Open())),
        root => Read(root.GetProperty("encryption")));

    public static readonly Form<EncryptionForm> Update = new(
        Must.Object(Must.Required("encryption", Must.Object(
            Must.Optional("key_size", Must.KeySizeOrNull),
            Must.Optional("provider", Must.Text()),
            Must.Optional("control_location", Location),
            Must.Optional("cipher", Must.Text(orNull: true))).Open())),
        root => Read(root.GetProperty("encryption")));

    static EncryptionForm Read(JsonElement e) => new(e.Text("provider"), e.Text("control_location"), e.Has("cipher"), e.Text("cipher"),
        e.Has("key_size"), e.Number("key_size"));
}
