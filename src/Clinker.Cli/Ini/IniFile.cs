namespace Clinker.Cli.Ini;

/// <summary>A configuration file, read and edited as a whole.</summary>
internal static class IniFile
{
    /// <exception cref="CliFault">It is not there or can't be read.</exception>
    public static IniDocument Read(string path) => IniDocument.Parse(EditedFile.Read(path));

    /// <inheritdoc cref="EditedFile.Edit"/>
    public static bool Edit(string path, Action<IniDocument> edit, bool inPlace = false, Action<byte[]>? into = null) =>
        EditedFile.Edit(path, before =>
        {
            var document = IniDocument.Parse(before ?? []);
            edit(document);
            return document.ToBytes();
        }, inPlace, into);
}
