namespace Clinker.Host;

/// <summary>New identifiers. A simulation passes a seed and gets the same ones again.</summary>
public sealed class Ids(int? seed = null)
{
    readonly Random? random = seed is { } s ? new Random(s) : null;

    /// <summary>A random UUID (RFC 9562, version 4) in the lower-case form with dashes that the API shows.</summary>
    public string New()
    {
        if (random is null)
#pragma warning disable RS0030 // the one place that may
            return Guid.NewGuid().ToString();
#pragma warning restore RS0030
        Span<byte> bytes = stackalloc byte[16];
        lock (random) random.NextBytes(bytes);
        bytes[6] = (byte)((bytes[6] & 0x0f) | 0x40);
        bytes[8] = (byte)((bytes[8] & 0x3f) | 0x80);
        return new Guid(bytes, bigEndian: true).ToString();
    }
}
