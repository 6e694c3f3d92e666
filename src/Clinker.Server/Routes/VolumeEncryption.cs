using Clinker.Operations;
using Clinker.Server.Api;
using static Clinker.Server.Api.PolicyRule;

namespace Clinker.Server.Routes;

/// <summary>How a volume is encrypted (cinder/api/contrib/volume_encryption_metadata.py).</summary>
static class VolumeEncryption
{
    const string Rule = "volume_extension:volume_encryption_metadata";

    public static void Map(RouteTable api)
    {
        api.Get("volume_encryption_list", "/volumes/{id}/encryption", List, rule: Row(Rule));
        api.Get("volume_encryption_show", "/volumes/{id}/encryption/{key}", Show, rule: Row(Rule));
    }

    static async Task<EncryptionAnswer> List(Call call, string id) => new(await Of(call, id));

    static async Task<EncryptionAnswer> Show(Call call, string id, string key)
    {
        var all = await Of(call, id);
        return all.ContainsKey(key)
            ? new(all, key)
            : throw new Fault.Missing($"Volume {id} has no encryption metadata with key {key}.").Thrown();
    }

    /// <summary>The key, and for a volume of an encrypted type how it is used. Values: string, int or null.</summary>
    static Task<IReadOnlyDictionary<string, object?>> Of(Call call, string id) => call.Db.Read(async tx =>
    {
        var volume = await Volumes.Visible(tx, call, id);
        call.Demand(Rule, volume.ProjectId, volume.UserId);
        var words = new Dictionary<string, object?> { ["encryption_key_id"] = volume.EncryptionKeyId };
        if (volume.VolumeTypeId is { } type && await tx.Encryptions.Find(type) is { } how)
        {
            words["control_location"] = how.ControlLocation;
            words["cipher"] = how.Cipher;
            words["key_size"] = how.KeySize;
            words["provider"] = how.Provider;
        }
        return (IReadOnlyDictionary<string, object?>)words;
    });

    /// <summary>All of it, or one value alone, without a key around it.</summary>
    sealed record EncryptionAnswer(IReadOnlyDictionary<string, object?> All, string? One = null) : IShaped
    {
        public static Type? Shape => null;

        public void Write(AnswerWriter to)
        {
            if (One is not null)
            {
                Value(to, All[One]);
                return;
            }
            to.Json.WriteStartObject();
            foreach (var (name, value) in All)
            {
                to.Json.WritePropertyName(name);
                Value(to, value);
            }
            to.Json.WriteEndObject();
        }

        static void Value(AnswerWriter to, object? value)
        {
            if (value is int number) to.Json.WriteNumberValue(number);
            else to.Json.WriteStringValue(value as string);
        }
    }
}
