using System.Security.Cryptography;
using System.Text;

namespace Clinker.Transfers;

/// <summary>A volume that its project offers to whoever has the key.</summary>
/// <param name="ProjectId">The donor's.</param>
/// <param name="NoSnapshots">The volume's snapshots stay with the donor.</param>
public sealed record Transfer(
    string Id, string ProjectId, string VolumeId, string? Name, string Salt, string KeyHash, bool NoSnapshots, DateTime CreatedAt)
{
    /// <summary>Whether it is the key that was shown when the transfer was made.</summary>
    public bool Opens(string key) =>
        CryptographicOperations.FixedTimeEquals(Encoding.ASCII.GetBytes(TransferKey.Hash(Salt, key)), Encoding.ASCII.GetBytes(KeyHash));
}

/// <summary>
/// The key of a transfer as Cinder makes it: 16 hexadecimal digits, of which only a salted hash is kept
/// (volume_transfer_key_length, volume_transfer_salt_length).
/// </summary>
public sealed record TransferKey(string Key, string Salt)
{
    public static TransferKey New() => new(RandomNumberGenerator.GetHexString(16, lowercase: true), RandomNumberGenerator.GetHexString(8, lowercase: true));

    public string KeyHash => Hash(Salt, Key);

#pragma warning disable CA5350 // the key is random and the hash is no secret's only guard; Cinder's records have this one
    internal static string Hash(string salt, string key) =>
        Convert.ToHexStringLower(HMACSHA1.HashData(Encoding.UTF8.GetBytes(salt), Encoding.UTF8.GetBytes(key)));
#pragma warning restore CA5350
}
