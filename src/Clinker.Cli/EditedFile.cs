namespace Clinker.Cli;

/// <summary>
/// Edits a file so that a reader sees the old one or the new one, never half of it: a temporary file in the same directory is
/// written, synced and renamed. Links are followed; mode and owner stay. Editors wait for each other.
/// </summary>
internal static class EditedFile
{
    /// <exception cref="CliFault">It is not there or can't be read.</exception>
    public static byte[] Read(string path)
    {
        try
        {
            return File.ReadAllBytes(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new CliFault(Said(path, e));
        }
    }

    /// <summary>Reads, edits and writes; false when the edit left it as it was. A file that is absent is made.</summary>
    /// <param name="edit">Is given what is there, null for an absent file, and gives what is to be there.</param>
    /// <param name="inPlace">Write into the file itself (hard links and mount points stay), which is not atomic.</param>
    /// <param name="into">Write the outcome here and leave the file; null: into the file.</param>
    /// <param name="secret">A new file is its directory's owner's, and only its group may read it too; else it is as the umask says.</param>
    public static bool Edit(string path, Func<byte[]?, byte[]> edit, bool inPlace = false, Action<byte[]>? into = null, bool secret = false)
    {
        try
        {
            var target = new FileInfo(path).LinkTarget is null ? Path.GetFullPath(path) : File.ResolveLinkTarget(path, returnFinalTarget: true)!.FullName;
            using var directory = new Posix.LockedDirectory(Path.GetDirectoryName(target)!);
            var before = File.Exists(target) ? File.ReadAllBytes(target) : null;
            var after = edit(before);
            if (into is not null) into(after);
            else if (before is not null && after.AsSpan().SequenceEqual(before)) return false;
            else if (inPlace) Write(target, after, FileMode.OpenOrCreate);
            else Replace(target, after, before is not null, secret);
            directory.Sync();
            return true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new CliFault(Said(path, e));
        }
    }

    static void Replace(string target, byte[] content, bool exists, bool secret)
    {
        const UnixFileMode own = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        var directory = Path.GetDirectoryName(target)!;
        var temporary = Path.Combine(directory, $".{Path.GetFileName(target)}.{Environment.ProcessId}.tmp");
        try
        {
            File.Delete(temporary); // what a killed one has left may have another mode
            Write(temporary, content, FileMode.CreateNew, exists || secret ? own : null);
            // The owner first: to give a file away takes rights from its mode.
            if (exists && Posix.Owner(target) is { } owner && owner != Posix.Owner(temporary) && !Posix.Own(temporary, owner))
                throw new CliFault($"{target} belongs to somebody else, and its owner can't be kept: run this as root.");
            if (!exists && secret && Posix.Owner(directory) is { } theirs) _ = Posix.Own(temporary, theirs); // only root may, and only for root does it matter
            if (exists) File.SetUnixFileMode(temporary, File.GetUnixFileMode(target));
            else if (secret) File.SetUnixFileMode(temporary, own | UnixFileMode.GroupRead);
            File.Move(temporary, target, overwrite: true);
        }
        catch
        {
            File.Delete(temporary);
            throw;
        }
    }

    static void Write(string path, byte[] content, FileMode mode, UnixFileMode? rights = null)
    {
        using var file = new FileStream(path, new FileStreamOptions { Mode = mode, Access = FileAccess.Write, Share = FileShare.Read, UnixCreateMode = rights });
        file.Write(content);
        file.SetLength(content.Length);
        file.Flush(flushToDisk: true);
    }

    static string Said(string path, Exception e) => e switch
    {
        FileNotFoundException or DirectoryNotFoundException => $"No such file or directory: '{path}'",
        UnauthorizedAccessException => $"Permission denied: '{path}'",
        _ => $"{path}: {e.Message}",
    };
}
