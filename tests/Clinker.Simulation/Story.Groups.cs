namespace Clinker.Simulation;

/// <summary>The stories of groups.</summary>
sealed partial record Story
{
    const string Two = "available 1 old; available 1 old";

    static IEnumerable<Story> OfGroups
    {
        get
        {
            var copy = new Story("CopyGroup", AGroup, (w, s) => w.Copy(s.Group!),
                $"{Two}; {Two}; group available; group available", $"{Two}; error 1; error 1; group available; group error");
            var ofSnapshot = new Story("GroupOfSnapshot", AGroupSnapshot, (w, s) => w.Copy(s.GroupSnapshot!),
                $"available 1 new; available 1 new; {Two}; {Two}; group available; group available; group snapshot available",
                $"available 1 new; available 1 new; error 1; error 1; {Two}; group available; group error; group snapshot available");
            var delete = new Story("DeleteGroup", AGroup, (w, s) => w.Delete(s.Group!), ["", "group error", .. Left("", "; group error")]);
            var snapshot = new Story("SnapshotGroup", AGroup, (w, s) => w.Snapshot(s.Group!),
                $"{Two}; {Two}; group available; group snapshot available", $"{Two}; error 1; error 1; group available; group snapshot error");
            const string New = "available 1 new; available 1 new; ";
            var deleteSnapshot = new Story("DeleteGroupSnapshot", AGroupSnapshot, (w, s) => w.Delete(s.GroupSnapshot!),
                [New + "group available", New + "group available; group snapshot error", .. Left(New, "; group available; group snapshot error")]);
            return
            [
                copy,
                ThatFails(copy, "create from volume: publish", copy.Ends[1]),
                ofSnapshot,
                delete,
                ThatFails(delete, "delete: file", [.. Left("", "; group error")]),
                snapshot,
                ThatFails(snapshot, "snapshot: publish", snapshot.Ends[1]),
                deleteSnapshot,
                ThatFails(deleteSnapshot, "delete snapshot: file", [.. Left(New, "; group available; group snapshot error")]),
            ];
        }
    }

    /// <summary>What may be left of two that were to go one after the other.</summary>
    static IEnumerable<string> Left(string before, string after) =>
        from left in (string[])["error_deleting 1 old; error_deleting 1 old", "error_deleting 1; error_deleting 1 old", "error_deleting 1 old", "error_deleting 1"]
        select before + left + after;

    /// <summary>A group of two volumes.</summary>
    static async Task<Scene> AGroup(World world)
    {
        var group = await world.Group();
        string[] volumes = [(await world.Create(group)).Id, (await world.Create(group)).Id];
        await world.RunUntroubled();
        foreach (var id in volumes) world.Shares.Write(id, "old");
        return new(Group: group);
    }

    /// <summary>A group whose volumes were written to since its snapshot.</summary>
    static async Task<Scene> AGroupSnapshot(World world)
    {
        var group = (await AGroup(world)).Group!;
        var snapshot = await world.Snapshot(group);
        await world.RunUntroubled();
        var volumes = (await world.Db.Read(tx => tx.Groups.Members([group.Id])))[group.Id].ToList();
        foreach (var id in volumes) world.Shares.Write(id, "new");
        return new(Group: group, GroupSnapshot: snapshot);
    }
}
