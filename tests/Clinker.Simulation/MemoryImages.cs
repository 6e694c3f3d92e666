using System.Security.Cryptography;
using System.Text;
using Clinker.Operations;
using Clinker.Outside;

namespace Clinker.Simulation;

/// <summary>What an image service keeps, whichever daemons come and go.</summary>
sealed class ImageShelf
{
    public Dictionary<string, Image> Records { get; } = [];
    public Dictionary<string, string> Contents { get; } = [];

    /// <summary>Images that were there before anything was made of volumes.</summary>
    public HashSet<string> Given { get; } = [];

    /// <param name="promised">The content whose hash its record has.</param>
    public Image Give(string id, string content, string? promised = null)
    {
        Given.Add(id);
        Contents[id] = content;
        return Records[id] = new()
        {
            Id = id,
            Name = "image",
            Status = Image.Active,
            SizeBytes = content.Length,
            DiskFormat = "raw",
            ContainerFormat = "bare",
            HashAlgorithm = "sha512",
            Hash = Convert.ToHexStringLower(SHA512.HashData(Encoding.Latin1.GetBytes(promised ?? content))),
        };
    }
}

/// <summary>The image service as a daemon sees it. It keeps the beginning of what it is given, as far as that is no zeroes.</summary>
/// <param name="touch">Awaited before each act: where the daemon is ended, delayed or failed.</param>
sealed class MemoryImages(ImageShelf shelf, Func<string, Task> touch) : Images
{
    public override async Task<Image> Get(string id, string? token, CancellationToken stop)
    {
        await touch("image: look");
        return Existing(id);
    }

    public override Task<IReadOnlyList<Image>> Named(string name, string? token, CancellationToken stop) =>
        Task.FromResult<IReadOnlyList<Image>>([.. shelf.Records.Values.Where(i => i.Name == name).Take(2)]);

    public override Task<Image> Create(NewImage image, string? token, CancellationToken stop) => Task.FromResult(shelf.Records[image.Id] = new()
    {
        Id = image.Id,
        Name = image.Name,
        Status = "queued",
        DiskFormat = image.DiskFormat,
        ContainerFormat = image.ContainerFormat,
    });

    public override async Task<Stream> Open(string id, long offset, CancellationToken stop)
    {
        await touch("image: read");
        Existing(id);
        return new MemoryStream(Encoding.Latin1.GetBytes(shelf.Contents[id])[(int)offset..]);
    }

    public override async Task Upload(string id, long length, Func<Stream, CancellationToken, Task> write, CancellationToken stop)
    {
        await touch("image: store");
        if (Existing(id).Status != "queued") throw new Fault.Unavailable($"image {id} is {shelf.Records[id].Status}").Thrown();
        await using var kept = new Beginning();
        await write(kept, stop);
        if (kept.Count != length) throw new Fault.Unavailable("it broke off").Thrown();
        await touch("image: stored");
        shelf.Contents[id] = kept.Text;
        shelf.Records[id] = Existing(id) with { Status = Image.Active, SizeBytes = length };
    }

    public override async Task Delete(string id, CancellationToken stop)
    {
        await touch("image: delete");
        shelf.Records.Remove(id);
        shelf.Contents.Remove(id);
    }

    Image Existing(string id) => shelf.Records.GetValueOrDefault(id) ?? throw new Fault.NotFound("Image", id).Thrown();

    sealed class Beginning : Stream
    {
        readonly byte[] first = new byte[64];

        public long Count { get; private set; }
        public string Text => Encoding.Latin1.GetString(first).TrimEnd('\0');

        public override void Write(ReadOnlySpan<byte> buffer)
        {
            if (Count < first.Length) buffer[..(int)Math.Min(buffer.Length, first.Length - Count)].CopyTo(first.AsSpan((int)Count));
            Count += buffer.Length;
        }

        public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            Write(buffer.Span);
            return ValueTask.CompletedTask;
        }

        public override bool CanRead => false;
        public override bool CanSeek => false;
        public override bool CanWrite => true;
        public override long Length => Count;
        public override long Position { get => Count; set => throw new NotSupportedException(); }
        public override void Flush() { }
        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();
        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();
        public override void SetLength(long value) => throw new NotSupportedException();
        public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));
    }
}
