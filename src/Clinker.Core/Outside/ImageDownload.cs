using System.Security.Cryptography;
using Clinker.Operations;

namespace Clinker.Outside;

/// <summary>
/// The bytes of an image, once, from the first to the last. A connection that breaks is taken up where it broke; nobody may trust in
/// what was read before <see cref="Verify"/> has returned.
/// </summary>
sealed class ImageDownload : IAsyncDisposable
{
    /// <summary>How often in a row, without a byte between, a broken connection is taken up at once.</summary>
    const int MostResumed = 3;

    /// <summary>A connection on which nothing came for so long is broken.</summary>
    static readonly TimeSpan Stalled = TimeSpan.FromSeconds(60);

    readonly Images images;
    readonly Image image;
    readonly long length;
    readonly ImageVerifier? verifier;
    readonly IncrementalHash? hash, signed;
    readonly string? expected;
    Stream? stream;
    long at;
    int resumed;

    /// <param name="verifier">Null: nothing is to be verified.</param>
    public ImageDownload(Images images, Image image, ImageVerifier? verifier)
    {
        this.verifier = verifier;
        this.images = images;
        this.image = image;
        length = image.SizeBytes ?? throw Image.Unacceptable(image.Id, "it has no data.");
        (hash, expected) = Known(image.HashAlgorithm) is { } algorithm && !string.IsNullOrEmpty(image.Hash) ? (IncrementalHash.CreateHash(algorithm), image.Hash)
            : !string.IsNullOrEmpty(image.Checksum) ? (IncrementalHash.CreateHash(HashAlgorithmName.MD5), image.Checksum)
            : (null, null); // only data that lies elsewhere and was never read by the image service has neither
        // One hash for both where they are the same.
        if (verifier is not null) signed = hash?.AlgorithmName == verifier.Algorithm ? hash : IncrementalHash.CreateHash(verifier.Algorithm);
    }

    /// <summary>Reads until the buffer is full or the image at its end; how many bytes.</summary>
    public async ValueTask<int> Read(Memory<byte> into, CancellationToken token)
    {
        var read = 0;
        while (read < into.Length && at < length)
        {
            var most = (int)Math.Min(into.Length - read, length - at);
            var n = await Some(into.Slice(read, most), token);
            hash?.AppendData(into.Span.Slice(read, n));
            if (signed != hash) signed?.AppendData(into.Span.Slice(read, n));
            read += n;
            at += n;
        }
        return read;
    }

    /// <summary>To be awaited after the last read.</summary>
    /// <exception cref="FaultException">Invalid: these are not the bytes that the image service promised; BadSignature.</exception>
    public async ValueTask Verify(CancellationToken token)
    {
        var more = new byte[1];
        if (at < length || (stream is not null && await OrNothing(more, token) != 0))
            throw Image.Unacceptable(image.Id, $"it should have {length} bytes.");
        var digest = hash?.GetCurrentHash();
        if (digest is not null && !Convert.ToHexString(digest).Equals(expected, StringComparison.OrdinalIgnoreCase))
            throw Image.Unacceptable(image.Id, "its checksum is not that of its bytes.");
        verifier?.Demand(signed == hash ? digest! : signed!.GetCurrentHash());
    }

    async ValueTask<int> Some(Memory<byte> into, CancellationToken token)
    {
        for (; ; resumed++)
        {
            try
            {
                stream ??= await images.Open(image.Id, at, token);
                var n = await OnTime(into, token);
                if (n == 0) throw new EndOfStreamException($"it ended after {at} of {length} bytes");
                resumed = 0;
                return n;
            }
            catch (Exception e) when (e is IOException or TimeoutException)
            {
                await Close();
                if (resumed >= MostResumed)
                    throw new Fault.Unavailable($"Image {image.Id} could not be read to its end: {e.Message}.").Thrown(e);
            }
        }
    }

    async ValueTask<int> OrNothing(Memory<byte> into, CancellationToken token)
    {
        try { return await OnTime(into, token); }
        catch (Exception e) when (e is IOException or TimeoutException) { return 0; }
    }

    async ValueTask<int> OnTime(Memory<byte> into, CancellationToken token)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(token);
        limit.CancelAfter(Stalled);
        try { return await stream!.ReadAsync(into, limit.Token); }
        catch (OperationCanceledException) when (!token.IsCancellationRequested)
        {
            throw new TimeoutException($"nothing came for {Stalled.TotalSeconds} s");
        }
    }

    static HashAlgorithmName? Known(string? name) => name switch
    {
        "sha512" => HashAlgorithmName.SHA512,
        "sha384" => HashAlgorithmName.SHA384,
        "sha256" => HashAlgorithmName.SHA256,
        "sha1" => HashAlgorithmName.SHA1,
        "md5" => HashAlgorithmName.MD5,
        _ => null,
    };

    async ValueTask Close()
    {
        if (stream is { } open) await open.DisposeAsync();
        stream = null;
    }

    public async ValueTask DisposeAsync()
    {
        hash?.Dispose();
        signed?.Dispose();
        await Close();
    }
}
