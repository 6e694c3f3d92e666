using Clinker.Drivers;
using Clinker.Formats;
using Clinker.Gluster;
using Clinker.Snapshots;
using Clinker.Volumes;
using Xunit;

namespace Clinker.Tests.Gluster;

/// <summary>What is found in directories that are made up: nothing in one that is as it should be, and each thing that is broken in it.</summary>
public sealed class PoolCheckTests
{
    const long Gib = 1L << 30;

    [Theory, InlineData(1), InlineData(2), InlineData(3), InlineData(4), InlineData(5), InlineData(6)]
    public void Nothing_is_wrong_with_chains_as_they_are_made(int seed) => Assert.Empty(Pool.Walked(seed).Check());

    [Theory, InlineData(1), InlineData(2), InlineData(3), InlineData(4), InlineData(5), InlineData(6)]
    public void Whatever_file_is_taken_away_is_missed(int seed)
    {
        var pool = Pool.Walked(seed);
        foreach (var name in pool.Names)
        {
            var found = pool.Without(name).Check();
            var isInfo = name.EndsWith(".info", StringComparison.Ordinal);
            Assert.Contains(found, f => f.Gravity != Gravity.Note && (isInfo || f.File == name || f.Said.Contains(name + ",", StringComparison.Ordinal)));
            Assert.DoesNotContain(found, f => f.CanRepair && !f.Fix.Contains("removes it", StringComparison.Ordinal)); // no link is certain then
        }
    }

    [Theory, InlineData(1), InlineData(2), InlineData(3), InlineData(4)]
    public void Whatever_file_is_changed_is_told_and_no_other(int seed)
    {
        var pool = Pool.Walked(seed);
        foreach (var name in pool.Names)
        {
            Assert.Equal((Flaw.Rights, true), Only(pool.With(name, f => f with { Facts = f.Facts with { Mode = 0x81a4 } }), name));
            if (pool.Seen(name).Header is not { } header) continue;
            Assert.Equal((Flaw.Padding, true), Only(pool.With(name, f => f with { Facts = f.Facts with { Size = f.Facts.Size + 512 } }), name));
            Assert.Equal((Flaw.Chain, false), Only(pool.With(name, f => f with { Header = header with { Backing = "/etc/passwd" } }), name));
            Assert.Equal((Flaw.Chain, false), Only(pool.With(name, f => f with { Header = header with { HasDataFile = true } }), name));
            Assert.Equal((Flaw.Chain, false), Only(pool.With(name, f => f with { Header = header with { Backing = name } }), name));
            Assert.Equal((Flaw.Chain, false), Only(pool.With(name, f => f with { Unreadable = "can't be read" }), name));
            Assert.Equal((Flaw.Format, false), Only(pool.With(name, f => f with { Header = null }), name));
        }

        static (Flaw, bool) Only(Pool pool, string name)
        {
            // A file with two names is told by that by which it is stood on; what is under a broken one may look unneeded.
            var found = pool.Check().Where(f => f.Flaw is not (Flaw.Unused or Flaw.Hidden or Flaw.Missing or Flaw.Stranger or Flaw.LeftLink or Flaw.Size)).ToList();
            var one = Assert.Single(found);
            Assert.True(pool.IsSame(one.File, name), $"{one.File} is told, {name} is it");
            return (one.Flaw, one.CanRepair);
        }
    }

    [Fact]
    public void A_link_of_a_clone_that_is_none_is_certain_only_when_all_chains_are_whole()
    {
        var pool = new Pool();
        var volume = pool.Create();
        pool.Snapshot(volume);
        var link = pool.Link(Id(), $"volume-{volume}");
        var found = Assert.Single(pool.Check());
        Assert.Equal((Flaw.LeftLink, link, $"volume-{volume}", true), (found.Flaw, found.File, found.Other, found.CanRepair));
        Assert.Contains(volume, found.Ids);

        var other = pool.Create();
        Assert.DoesNotContain(pool.With($"volume-{other}", f => f with { Unreadable = "can't be read" }).Check(), f => f.CanRepair);
    }

    [Fact]
    public void A_volume_that_was_given_up_keeps_all_that_it_stands_on()
    {
        var pool = new Pool();
        var volume = pool.Create();
        pool.Snapshot(volume);
        var clone = pool.Clone(volume);
        pool.Rows.Remove(clone); // unmanaged: its files stay
        OnlyTold();
        pool.Delete(volume);
        OnlyTold();

        void OnlyTold()
        {
            var found = Assert.Single(pool.Check());
            Assert.Equal((Flaw.Stranger, Gravity.Note, $"volume-{clone}", false), (found.Flaw, found.Gravity, found.File, found.CanRepair));
        }
    }

    [Fact]
    public void What_is_coming_or_is_being_made_is_not_missed()
    {
        var pool = new Pool();
        var volume = pool.Create();
        pool.Rows[volume] = pool.Rows[volume] with { Volume = pool.Rows[volume].Volume with { Status = VolumeStatus.Creating } };
        Assert.Empty(pool.Without($"volume-{volume}").Check());
        var moved = Id();
        pool.Put($"volume-{moved}.g1");
        Assert.Equal(Flaw.LeftWork, Assert.Single(pool.Check()).Flaw);
        pool.Coming.Add(moved);
        Assert.Empty(pool.Check());
    }

    static string Id() => new Host.Ids().New();

    /// <summary>A directory that is not there, and the rows that belong to it, as the driver makes them.</summary>
    sealed class Pool
    {
        static readonly Layout Layout = new("volume-%s");
        static readonly DirectoryOptions Options = new() { Paths = ["/pool"] };

        readonly Dictionary<string, SeenFile> files = [];
        readonly Dictionary<string, ChainInfo> infos = [];
        ulong inodes = 100;

        public Dictionary<string, VolumeRow> Rows { get; private init; } = [];
        public HashSet<string> Coming { get; } = [];

        public IReadOnlyList<string> Names => [.. files.Keys.Order(StringComparer.Ordinal)];

        public SeenFile Seen(string name) => files[name];

        /// <summary>What is wrong.</summary>
        public IReadOnlyList<Finding> Check() =>
            [.. PoolCheck.Find(Layout, Options, files, new(Rows, Coming, new HashSet<string>())).Where(f => f.Flaw != Flaw.Kept)];

        public bool IsSame(string name, string other) => files[name].Identity == files[other].Identity;

        public Pool Without(string name)
        {
            var pool = Copy();
            pool.files.Remove(name);
            return pool;
        }

        /// <summary>The same with a file, by all of its names, that is otherwise.</summary>
        public Pool With(string name, Func<SeenFile, SeenFile> change)
        {
            var pool = Copy();
            foreach (var same in Names.Where(n => IsSame(n, name))) pool.files[same] = change(files[same]) with { Name = same, Of = files[same].Of };
            return pool;
        }

        Pool Copy()
        {
            var pool = new Pool { Rows = new(Rows) };
            foreach (var (name, file) in files) pool.files[name] = file;
            return pool;
        }

        public void Put(string name, long bytes = 0, Qcow2Header? header = null, ChainInfo? info = null) => files[name] = new(
            name, Layout.Parse(name)!.Value, new(0x81b6, 1, 0, inodes++, header is null ? bytes : 4 * 65536, 0, 8, 1, 0, 0), header, info);

        public string Link(string clone, string name)
        {
            var link = Layout.Overlay(clone, Id());
            files[link] = files[name] with { Name = link, Of = Layout.Parse(link)!.Value };
            Count(files[link].Identity);
            return link;
        }

        void Count((uint, uint, ulong) identity)
        {
            var names = files.Values.Where(f => f.Identity == identity).ToList();
            foreach (var file in names) files[file.Name] = file with { Facts = file.Facts with { Links = (uint)names.Count } };
        }

        void Note(string volume, ChainInfo info)
        {
            infos[volume] = info;
            Put(Layout.Info(volume), 200, info: info);
        }

        ChainInfo Info(string volume) => infos.GetValueOrDefault(volume) ?? ChainInfo.None;

        string Top(string volume) => Info(volume).Active ?? Layout.Volume(volume);

        static string FormatOf(SeenFile file) => file.Header is null ? "raw" : "qcow2";

        static Qcow2Header Head(string? backing, string? format) =>
            new(3, Gib, 16, false, 0, 3 << 16, 2) { Backing = backing, BackingFormat = format };

        void Image(string name, string on) => Put(name, header: Head(on, FormatOf(files[on])));

        public string Create(string format = "raw")
        {
            var id = Id();
            Put(Layout.Volume(id), Gib, format == "qcow2" ? Head(null, null) : null);
            Remember(id, format);
            return id;
        }

        void Remember(string id, string format) => Rows[id] = new(new()
        {
            Id = id, ProjectId = "p", UserId = "u", SizeGb = 1, Status = VolumeStatus.Available, AvailabilityZone = "nova", Host = "h@b#p", Format = format,
            CreatedAt = DateTime.UnixEpoch,
        }, []);

        string Freeze(string volume, string id)
        {
            var (on, overlay) = (Top(volume), Layout.Overlay(volume, id));
            Image(overlay, on);
            Note(volume, Info(volume) with { Active = overlay });
            return on;
        }

        public void Snapshot(string volume)
        {
            var id = Id();
            Freeze(volume, id);
            Note(volume, Info(volume).With(id, Top(volume)));
            Rows[volume] = Rows[volume] with
            {
                Snapshots = [.. Rows[volume].Snapshots, new()
                {
                    Id = id, ProjectId = "p", UserId = "u", VolumeId = volume, SizeGb = 1, Status = SnapshotStatus.Available, CreatedAt = DateTime.UnixEpoch,
                }],
            };
        }

        public string Clone(string source)
        {
            var id = Id();
            var link = Link(id, Freeze(source, id));
            Image(Layout.Volume(id), link);
            Remember(id, "qcow2");
            return id;
        }

        /// <summary>Snapshots and all: what others stand on stays, and is noted.</summary>
        public void Delete(string volume)
        {
            Rows.Remove(volume);
            for (var name = Top(volume); ; )
            {
                var (file, shared) = (files[name], files[name].Facts.Links > 1);
                files.Remove(name);
                Count(file.Identity);
                var under = file.Header?.Backing;
                if (shared && under is not null && Layout.Parse(under)!.Value.Id == volume)
                {
                    var lowest = under;
                    while (files[lowest].Header?.Backing is { } next && Layout.Parse(next)!.Value.Id == volume) lowest = next;
                    Note(volume, ChainInfo.None with { Kept = lowest });
                    return;
                }
                if (shared || under is null) break;
                name = under;
            }
            files.Remove(Layout.Info(volume));
        }

        /// <summary>Some volumes, with what was done to them.</summary>
        public static Pool Walked(int seed)
        {
            var (random, pool) = (new Random(seed), new Pool());
            for (var step = 0; step < 30; step++)
            {
                var all = pool.Rows.Keys.ToList();
                var one = all.Count == 0 ? "" : all[random.Next(all.Count)];
                switch (random.Next(8))
                {
                    case < 2 when all.Count < 6: pool.Create(random.Next(2) == 0 ? "raw" : "qcow2"); break;
                    case < 5 when all.Count > 0 && pool.Depth(one) < 12: pool.Snapshot(one); break;
                    case < 7 when all.Count > 0 && pool.Depth(one) < 12: pool.Clone(one); break;
                    case 7 when all.Count > 3: pool.Delete(one); break;
                }
            }
            return pool;
        }

        int Depth(string volume)
        {
            var depth = 0;
            for (var name = Top(volume); name is not null; name = files[name].Header?.Backing) depth++;
            return depth;
        }
    }
}
