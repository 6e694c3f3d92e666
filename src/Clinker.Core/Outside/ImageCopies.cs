using System.Buffers;
using System.IO.Compression;
using System.Threading.Channels;
using Clinker.Drivers;
using Clinker.Formats;
using Clinker.Host;
using Clinker.Operations;

namespace Clinker.Outside;

/// <summary>How signatures of images are verified.</summary>
/// <param name="Certificates">Null: there is no key manager, and a signed image is refused.</param>
public sealed record SignatureSettings(Certificates? Certificates, TimeProvider Time);

/// <summary>From images to volumes, and from volumes to images.</summary>
/// <param name="signatures">Null: they are not verified (verify_glance_signatures = disabled).</param>
public sealed class ImageCopies(Images images, ImageConversion conversion, SignatureSettings? signatures = null)
{
    const int PieceBytes = 2 * 1024 * 1024;

    /// <summary>So many are read before the first of them is written, so that neither side waits for each hesitation of the other.</summary>
    const int PiecesAhead = 3;

    public Images Images => images;

    /// <summary>An image, before anything is done with it.</summary>
    /// <exception cref="FaultException">NotFound, Unavailable, …; nothing was done.</exception>
    public async Task<Image> Look(string id, CancellationToken token)
    {
        try { return await images.Get(id, token: null, token); }
        catch (FaultException e) { throw new FaultException(e.Fault, e) { NothingDone = true }; }
    }

    /// <summary>Whether its signature is verified when it is read; null: that is not done here. One that nobody has signed is taken as it is.</summary>
    /// <exception cref="FaultException">BadSignature.</exception>
    public bool? Verifies(Image image) => signatures is null ? null : ImageSignature.Of(image) is not null;

    /// <summary>
    /// The bytes of an image by name, for whoever keeps them: those that were verified have another than those that were not, or by another certificate.
    /// </summary>
    public ImageContent ContentOf(Image image) => image.ContentAs(Verifies(image) == true ? ImageSignature.Of(image) : null);

    async Task<ImageVerifier?> Verifier(Image image, CancellationToken token) => Verifies(image) == true
        ? await ImageVerifier.For(image.Id, ImageSignature.Of(image)!, signatures!.Certificates, signatures.Time.GetUtcNow(), token)
        : null;

    /// <summary>Writes an image into a volume: its bytes if it is raw, else the disk that is in it.</summary>
    /// <param name="sizeGb">The volume's.</param>
    public Fill Fill(Image image, int sizeGb, Progress? progress = null) => async (write, token) =>
    {
        image.Demand(sizeGb);
        using var verifier = await Verifier(image, token);
        progress?.Begin(image.SizeBytes!.Value);
        if (image.ContainerFormat != Image.Compressed && ImageFormats.Readable[image.DiskFormat!] == ImageFormats.Raw)
        {
            await using var download = new ImageDownload(images, image, verifier);
            await Pieces(download.Read, write, progress, token, head => Demand(image, DiskImage.Look(Begun(image, head))));
            await download.Verify(token);
        }
        else
        {
            await conversion.With(image.SizeBytes!.Value, image.Id, scratch => Converted(image, verifier, sizeGb, scratch, write, progress, token), token);
        }
    };

    async Task Converted(Image image, ImageVerifier? verifier, int sizeGb, Scratch scratch, WriteAt write, Progress? progress, CancellationToken token)
    {
        var (source, raw, format) = (scratch.File("image"), scratch.File("raw"), ImageFormats.Readable[image.DiskFormat!]);
        await using (var file = New(source))
        {
            await using var download = new ImageDownload(images, image, verifier);
            if (image.ContainerFormat == Image.Compressed) await Unpacked(download, scratch.File("packed"), file);
            else await Whole(download, file);
            var found = DiskImage.Look(DiskBytes.Of(file.SafeFileHandle));
            Demand(image, found);
            DemandRoom(found.Bytes);
        }
        var bytes = format == ImageFormats.Raw ? new FileInfo(raw = source).Length : await conversion.SizeOf(source, format, image.Id, token);
        DemandRoom(bytes);
        progress?.More(bytes);
        if (raw != source)
        {
            ImageConversion.Demand(scratch, bytes);
            await conversion.Convert(source, format, raw, ImageFormats.Raw, bytes, image.Id, progress, token);
        }
        await using var disk = new FileStream(raw, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 0, useAsync: true);
        await Pieces(async (into, stop) => await disk.ReadAtLeastAsync(into, into.Length, throwOnEndOfStream: false, stop), write, progress, token);

        async Task Whole(ImageDownload download, FileStream into)
        {
            await Pieces(download.Read, async (_, piece) => await into.WriteAsync(piece, token), progress, token, holes: false);
            await download.Verify(token);
        }

        // Verified before it is unpacked; and however much comes out of it, no more is kept than could be in a volume of that size.
        async Task Unpacked(ImageDownload download, string at, FileStream into)
        {
            await using var file = New(at);
            await Whole(download, file);
            file.Position = 0;
            await using var packed = new GZipStream(file, CompressionMode.Decompress);
            var (buffer, left) = (new byte[PieceBytes], (sizeGb + 1L) << 30);
            try
            {
                for (int n; (n = await packed.ReadAsync(buffer, token)) > 0; await into.WriteAsync(buffer.AsMemory(0, n), token))
                {
                    ImageConversion.Demand(scratch, conversion.LeastFree);
                    if ((left -= n) < 0) throw Image.Unacceptable(image.Id, $"what is compressed in it is larger than the volume's {sizeGb} GiB.");
                }
            }
            catch (InvalidDataException) { throw Image.Unacceptable(image.Id, "it is said to be compressed, and is no gzip data."); }
        }

        void DemandRoom(long needed)
        {
            if (needed > sizeGb * (1L << 30))
                throw Image.Unacceptable(image.Id, $"the disk in it has {needed} bytes, more than the volume's {sizeGb} GiB.");
        }
    }

    /// <summary>That it is what it is declared to be, and whole by itself.</summary>
    void Demand(Image image, DiskImage found)
    {
        if (ImageFormats.Refuses(image.DiskFormat!, found, conversion.VmdkTypes) is { } wrong) throw Image.Unacceptable(image.Id, $"{wrong}.");
    }

    /// <summary>Gives an image the content of a volume, in the format that the image has.</summary>
    /// <param name="isCompressed">Whether by gzip: it is not known before how long it will be.</param>
    public async Task Upload(Content content, string imageId, string format, bool isCompressed, Work work)
    {
        var (token, progress) = (work.Token, work.Progress);
        if (format == ImageFormats.Raw && !isCompressed) await images.Upload(imageId, content.Length, (to, stop) => WriteAll(content, to, progress, stop), token);
        else
        {
            // The disk lies there with holes where it has none of its data.
            await conversion.With(content.DataBytes + conversion.LeastFree, imageId, async scratch =>
            {
                var (raw, made) = (scratch.File("raw"), scratch.File("image"));
                await using (var file = New(raw))
                {
                    file.SetLength(content.Length);
                    await content.Copy(progress)(async (offset, piece) =>
                    {
                        file.Position = offset;
                        await file.WriteAsync(piece, token);
                    }, token);
                }
                ImageConversion.Demand(scratch, content.DataBytes);
                if (format == ImageFormats.Raw) made = raw;
                else await conversion.Convert(raw, ImageFormats.Raw, made, ImageFormats.Writable[format], content.Length, imageId, progress, token);
                if (isCompressed) made = await Packed(made, scratch.File("packed"), token);
                await using var image = new FileStream(made, FileMode.Open, FileAccess.Read, FileShare.Read, PieceBytes, useAsync: true);
                progress?.More(image.Length);
                await images.Upload(imageId, image.Length, async (to, stop) =>
                {
                    var buffer = new byte[PieceBytes];
                    for (int n; (n = await image.ReadAsync(buffer, stop)) > 0; progress?.Did(n)) await to.WriteAsync(buffer.AsMemory(0, n), stop);
                }, token);
            }, token);
        }
    }

    static async Task<string> Packed(string from, string to, CancellationToken token)
    {
        await using var file = new FileStream(from, FileMode.Open, FileAccess.Read, FileShare.Read, PieceBytes, useAsync: true);
        await using var packed = new GZipStream(New(to), CompressionLevel.Optimal);
        await file.CopyToAsync(packed, PieceBytes, token);
        return to;
    }

    /// <summary>All of it, holes as zeroes. That it was one moment's is known before its last byte is written.</summary>
    static async Task WriteAll(Content content, Stream to, Progress? progress, CancellationToken token)
    {
        progress?.Begin(content.Length);
        var (at, end, zeroes) = (0L, Math.Max(0, content.Length - 1) / PieceBytes * PieceBytes, new byte[PieceBytes]);
        byte[]? last = null;
        await foreach (var (offset, buffer, length) in content.Pieces(PieceBytes, aligned: true, token))
        {
            await ZeroesTo(offset);
            if (offset == end) { last = buffer; continue; }
            await Write(buffer.AsMemory(0, length));
            ArrayPool<byte>.Shared.Return(buffer);
        }
        await ZeroesTo(end);
        await content.Close();
        await Write((last ?? zeroes).AsMemory(0, (int)(content.Length - end)));
        if (last is not null) ArrayPool<byte>.Shared.Return(last);

        async Task ZeroesTo(long offset)
        {
            while (at < offset) await Write(zeroes);
        }

        async Task Write(ReadOnlyMemory<byte> piece)
        {
            await to.WriteAsync(piece, token);
            at += piece.Length;
            progress?.Did(piece.Length);
        }
    }

    /// <summary>Reads, beside what is being written of it and a few pieces ahead, from the first piece to the last.</summary>
    /// <param name="look">Sees the first piece before anything is written.</param>
    /// <param name="holes">Whether pieces of zeroes are left out.</param>
    static async Task Pieces(Func<Memory<byte>, CancellationToken, ValueTask<int>> read, WriteAt write, Progress? progress, CancellationToken token,
        Action<ReadOnlyMemory<byte>>? look = null, bool holes = true)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(token);
        var (free, ready, at) = (Channel.CreateUnbounded<byte[]>(), Channel.CreateUnbounded<(byte[] Buffer, int Bytes)>(), 0L);
        for (var i = 0; i < PiecesAhead; i++) free.Writer.TryWrite(new byte[PieceBytes]);
        var reading = Task.Run(Read, CancellationToken.None);
        try
        {
            await foreach (var (buffer, bytes) in ready.Reader.ReadAllAsync(token))
            {
                var piece = buffer.AsMemory(0, bytes);
                if (at == 0) look?.Invoke(piece);
                if (!holes || piece.Span.ContainsAnyExcept((byte)0)) await write(at, piece);
                at += bytes;
                progress?.Did(bytes);
                free.Writer.TryWrite(buffer);
            }
        }
        finally
        {
            await stop.CancelAsync();
            await reading; // nobody reads any more when the source goes
        }
        await write(at, ReadOnlyMemory<byte>.Empty);

        async Task Read()
        {
            Exception? failure = null;
            try
            {
                while (true)
                {
                    var buffer = await free.Reader.ReadAsync(stop.Token);
                    var n = await read(buffer, stop.Token);
                    if (n == 0) break;
                    ready.Writer.TryWrite((buffer, n));
                }
            }
            catch (Exception e) { failure = e; /* whoever writes is told, after what came before it */ }
            ready.Writer.Complete(failure);
        }
    }

    /// <summary>An image of which the head is there; what has not come yet reads as zeroes.</summary>
    static DiskBytes Begun(Image image, ReadOnlyMemory<byte> head) => new(image.SizeBytes!.Value, (into, at) =>
    {
        if (at >= head.Length) return 0;
        var there = head.Span[(int)at..];
        there = there[..Math.Min(there.Length, into.Length)];
        there.CopyTo(into);
        return there.Length;
    });

    static FileStream New(string path) => new(path, FileMode.CreateNew, FileAccess.ReadWrite, FileShare.Read, bufferSize: 0, useAsync: true);
}
