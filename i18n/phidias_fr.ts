<?xml version="1.0" encoding="utf-8"?>
<!DOCTYPE TS>
<TS version="2.1" language="fr">
<context>
    <name>phidias</name>
    <message>
        <location filename="../phidias_qgis/algorithm.py"/>
        <location filename="../phidias_qgis/jobs_panel/details.py"/>
        <source>Parameters</source>
        <translation>Paramètres</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/algorithm.py"/>
        <location filename="../phidias_qgis/jobs_panel/results_view.py"/>
        <source>References</source>
        <translation>Références</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/algorithm.py"/>
        <source>Version {}</source>
        <translation>Version {}</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/algorithm.py"/>
        <source>Do not wait for the result</source>
        <translation>Ne pas attendre le résultat</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/algorithm.py"/>
        <source>Start the job and return its id at once. Results that are to be opened, or kept in a file, are fetched when the job has ended; the panel &apos;PHIDIAS jobs&apos; shows it.</source>
        <translation>Lance le job et renvoie aussitôt son identifiant. Les résultats à ouvrir, ou à enregistrer dans un fichier, sont récupérés à la fin du job&#xa0;; le panneau «&#xa0;Jobs PHIDIAS&#xa0;» le montre.</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/algorithm.py"/>
        <location filename="../phidias_qgis/jobs_panel/details.py"/>
        <source>Job</source>
        <translation>Job</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/algorithm.py"/>
        <source>The algorithm was not prepared.</source>
        <translation>L&apos;algorithme n&apos;a pas été préparé.</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/algorithm.py"/>
        <source>The result cannot be written: {}. It stays on the gateway; choose another place. Job: {}</source>
        <translation>Impossible d&apos;écrire le résultat&#xa0;: {}. Il reste sur la passerelle&#xa0;; choisissez un autre emplacement. Job&#xa0;: {}</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/algorithm.py"/>
        <source>&apos;{}&apos; cannot be used.</source>
        <translation>«&#xa0;{}&#xa0;» ne peut pas être utilisé.</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/algorithm.py"/>
        <location filename="../phidias_qgis/execution.py"/>
        <source>Job: {}</source>
        <translation>Job&#xa0;: {}</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/algorithm.py"/>
        <source>Connection (if none is chosen: {})</source>
        <translation>Connexion (si aucune n&apos;est choisie&#xa0;: {})</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/algorithm.py"/>
        <location filename="../phidias_qgis/jobs_panel/panel.py"/>
        <location filename="../phidias_qgis/options_page.py"/>
        <source>Connection</source>
        <translation>Connexion</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/algorithm.py"/>
        <source>The gateway that runs the job, by its name in Settings &gt; Options &gt; PHIDIAS.</source>
        <translation>La passerelle qui exécute le job, par son nom dans Préférences &gt; Options &gt; PHIDIAS.</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/area.py"/>
        <source>Give an extent or a layer of polygons.</source>
        <translation>Indiquez une emprise ou une couche de polygones.</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/area.py"/>
        <source>{} (extent)</source>
        <translation>{} (emprise)</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/area.py"/>
        <source>{} (polygon layer)</source>
        <translation>{} (couche de polygones)</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/area.py"/>
        <source>The polygons of this layer, or the selected ones of them; goes before the extent. In a script, a text of GeoJSON does as well.</source>
        <translation>Les polygones de cette couche, ou ceux qui y sont sélectionnés&#xa0;; cette couche l&apos;emporte sur l&apos;emprise. Dans un script, un texte GeoJSON convient aussi.</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/area.py"/>
        <source>no area is given.</source>
        <translation>aucune zone n&apos;est indiquée.</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/area.py"/>
        <source>Draw an extent, or choose a layer of polygons.</source>
        <translation>Dessinez une emprise ou choisissez une couche de polygones.</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/area.py"/>
        <source>the area has no surface.</source>
        <translation>la zone a une surface nulle.</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/area.py"/>
        <source>Draw a larger area.</source>
        <translation>Dessinez une zone plus grande.</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/area.py"/>
        <source>the extent is empty.</source>
        <translation>l&apos;emprise est vide.</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/area.py"/>
        <source>Draw an area with a width and a height.</source>
        <translation>Dessinez une zone qui ait une largeur et une hauteur.</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/area.py"/>
        <source>the extent has no coordinate reference system, and its numbers are no longitudes and latitudes.</source>
        <translation>l&apos;emprise n&apos;a pas de système de coordonnées de référence, et ses nombres ne sont pas des longitudes et des latitudes.</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/area.py"/>
        <source>Add the system, as in 500000,510000,4650000,4660000 [EPSG:32631].</source>
        <translation>Ajoutez le système, comme dans 500000,510000,4650000,4660000 [EPSG:32631].</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/area.py"/>
        <location filename="../phidias_qgis/scenes.py"/>
        <source>the layer cannot be read.</source>
        <translation>la couche ne peut pas être lue.</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/area.py"/>
        <source>Choose a layer of polygons.</source>
        <translation>Choisissez une couche de polygones.</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/area.py"/>
        <location filename="../phidias_qgis/vectors.py"/>
        <source>the layer &apos;{}&apos; has no coordinate reference system.</source>
        <translation>la couche «&#xa0;{}&#xa0;» n&apos;a pas de système de coordonnées de référence.</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/area.py"/>
        <location filename="../phidias_qgis/vectors.py"/>
        <source>Set it in the layer&apos;s properties, under Source.</source>
        <translation>Définissez-le dans les propriétés de la couche, sous Source.</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/area.py"/>
        <source>the layer has no polygon.</source>
        <translation>la couche n&apos;a aucun polygone.</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/area.py"/>
        <source>Draw one, or choose another layer.</source>
        <translation>Dessinez-en un ou choisissez une autre couche.</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/area.py"/>
        <source>the layer holds no polygons.</source>
        <translation>la couche ne contient pas de polygones.</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/area.py"/>
        <location filename="../phidias_qgis/local_vectors.py"/>
        <source>invalid geometry</source>
        <translation>géométrie invalide</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/area.py"/>
        <source>the polygon {} crosses itself or is malformed ({}).</source>
        <translation>le polygone {} se recoupe ou est mal formé ({}).</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/area.py"/>
        <source>Repair the layer with the tool &apos;Fix geometries&apos;.</source>
        <translation>Réparez la couche avec l&apos;outil «&#xa0;Réparer les géométries&#xa0;».</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/area.py"/>
        <source>the area cannot be reprojected from {} to WGS 84: {}</source>
        <translation>la zone ne peut pas être reprojetée de {} vers WGS 84&#xa0;: {}</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/area.py"/>
        <source>Check the layer&apos;s or the extent&apos;s coordinate reference system.</source>
        <translation>Vérifiez le système de coordonnées de référence de la couche ou de l&apos;emprise.</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/area.py"/>
        <source>the area lies outside of the world&apos;s longitudes and latitudes.</source>
        <translation>la zone se trouve hors des longitudes et latitudes du globe.</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/browser.py"/>
        <source>No connection yet: see Settings &gt; Options &gt; PHIDIAS</source>
        <translation>Aucune connexion pour l&apos;instant&#xa0;: voir Préférences &gt; Options &gt; PHIDIAS</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/browser.py"/>
        <source>Older jobs</source>
        <translation>Jobs plus anciens</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/browser.py"/>
        <source>No jobs yet</source>
        <translation>Aucun job pour l&apos;instant</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/browser.py"/>
        <source>No layers</source>
        <translation>Aucune couche</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/browser_feature.py"/>
        <location filename="../phidias_qgis/options_page.py"/>
        <source>Make Default</source>
        <translation>Définir par défaut</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/browser_feature.py"/>
        <location filename="../phidias_qgis/jobs_panel/panel.py"/>
        <source>Connections...</source>
        <translation>Connexions…</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/browser_feature.py"/>
        <source>Add to Map</source>
        <translation>Ajouter à la carte</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/browser_feature.py"/>
        <source>Show Job</source>
        <translation>Afficher le job</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/browser_feature.py"/>
        <source>Delete Job...</source>
        <translation>Supprimer le job…</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/browser_feature.py"/>
        <source>Cancel Job</source>
        <translation>Annuler le job</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/browser_feature.py"/>
        <source>Copy Job Id</source>
        <translation>Copier l&apos;identifiant du job</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/browser_feature.py"/>
        <source>Delete Job</source>
        <translation>Supprimer le job</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/browser_feature.py"/>
        <source>Delete this job with its results? Layers of it in projects cannot be drawn any more.

{}</source>
        <translation>Supprimer ce job et ses résultats&#xa0;? Les couches qui en proviennent ne pourront plus être affichées dans les projets.

{}</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/browser_feature.py"/>
        <source>PHIDIAS: ending a job</source>
        <translation>PHIDIAS&#xa0;: arrêt d&apos;un job</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/connection.py"/>
        <source>There is no PHIDIAS connection named &apos;{}&apos;. Choose another one, or set it up in Settings &gt; Options &gt; PHIDIAS.</source>
        <translation>Aucune connexion PHIDIAS ne s&apos;appelle «&#xa0;{}&#xa0;». Choisissez-en une autre ou configurez-la dans Préférences &gt; Options &gt; PHIDIAS.</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/connection.py"/>
        <source>No PHIDIAS gateway is set up. Give its address and your token in Settings &gt; Options &gt; PHIDIAS, or set the environment variables PHIDIAS_URL and PHIDIAS_TOKEN.</source>
        <translation>Aucune passerelle PHIDIAS n&apos;est configurée. Indiquez son adresse et votre jeton dans Préférences &gt; Options &gt; PHIDIAS, ou définissez les variables d&apos;environnement PHIDIAS_URL et PHIDIAS_TOKEN.</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/connection_dialog.py"/>
        <source>PHIDIAS Connection</source>
        <translation>Connexion PHIDIAS</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/connection_dialog.py"/>
        <source>What you call it</source>
        <translation>Le nom que vous lui donnez</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/connection_dialog.py"/>
        <source>At a web address</source>
        <translation>À une adresse web</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/connection_dialog.py"/>
        <source>On a login node, by SSH</source>
        <translation>Sur un nœud de connexion, par SSH</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/connection_dialog.py"/>
        <location filename="../phidias_qgis/scenes_panel/own.py"/>
        <source>Name</source>
        <translation>Nom</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/connection_dialog.py"/>
        <source>The gateway is</source>
        <translation>La passerelle est</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/connection_dialog.py"/>
        <source>Make a configuration of the type &apos;Basic Authentication&apos; with your user name, and your token as the password. QGIS keeps it encrypted.</source>
        <translation>Créez une configuration du type «&#xa0;Authentification basique&#xa0;» avec votre nom d&apos;utilisateur, et votre jeton comme mot de passe. QGIS la conserve chiffrée.</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/connection_dialog.py"/>
        <source>A gateway of your own is started there. The host must let you in without a question: by a key in ~/.ssh or in your SSH agent. The command is needed if phidias-gateway is not found there by itself.</source>
        <translation>Votre propre passerelle y est démarrée. L&apos;hôte doit vous laisser entrer sans rien demander&#xa0;: par une clé dans ~/.ssh ou dans votre agent SSH. La commande est nécessaire si phidias-gateway n&apos;y est pas trouvé automatiquement.</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/connection_dialog.py"/>
        <location filename="../phidias_qgis/scenes_panel/own.py"/>
        <source>Address</source>
        <translation>Adresse</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/connection_dialog.py"/>
        <location filename="../phidias_qgis/scenes_panel/own.py"/>
        <location filename="../phidias_qgis/search.py"/>
        <source>Credentials</source>
        <translation>Identifiants</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/connection_dialog.py"/>
        <source>Host</source>
        <translation>Hôte</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/connection_dialog.py"/>
        <source>Command there</source>
        <translation>Commande sur l&apos;hôte</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/connection_dialog.py"/>
        <location filename="../phidias_qgis/options_page.py"/>
        <source>Test</source>
        <translation>Tester</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/connection_dialog.py"/>
        <source>Give the connection a name.</source>
        <translation>Donnez un nom à la connexion.</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/connection_dialog.py"/>
        <source>There is another connection of this name. Choose another one.</source>
        <translation>Une autre connexion porte déjà ce nom. Choisissez-en un autre.</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/connection_dialog.py"/>
        <source>Asking {} ...</source>
        <translation>Interrogation de {}…</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/connection_files.py"/>
        <source>&apos;{}&apos; is not a file of PHIDIAS connections. Choose one that was made by &apos;Export&apos;.</source>
        <translation>«&#xa0;{}&#xa0;» n&apos;est pas un fichier de connexions PHIDIAS. Choisissez-en un qui a été créé par «&#xa0;Exporter&#xa0;».</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/destination.py"/>
        <source>&apos;{}&apos; must end with {}.</source>
        <translation>«&#xa0;{}&#xa0;» doit se terminer par {}.</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/destination.py"/>
        <source>&apos;{}&apos; cannot be written. Choose another place.</source>
        <translation>Impossible d&apos;écrire «&#xa0;{}&#xa0;». Choisissez un autre emplacement.</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/diagnostics.py"/>
        <source>Last messages:</source>
        <translation>Derniers messages&#xa0;:</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/diagnostics.py"/>
        <source>{}: not installed</source>
        <translation>{}&#xa0;: non installé</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/diagnostics.py"/>
        <source>Proxy of QGIS: {} {}</source>
        <translation>Proxy de QGIS&#xa0;: {} {}</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/diagnostics.py"/>
        <source>No proxy for: {}</source>
        <translation>Pas de proxy pour&#xa0;: {}</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/diagnostics.py"/>
        <source>Proxy of QGIS: none</source>
        <translation>Proxy de QGIS&#xa0;: aucun</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/diagnostics.py"/>
        <source>default</source>
        <translation>par défaut</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/diagnostics.py"/>
        <source>Connection &apos;{}&apos;: {}</source>
        <translation>Connexion «&#xa0;{}&#xa0;»&#xa0;: {}</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/diagnostics.py"/>
        <source>token from the environment</source>
        <translation>jeton de l&apos;environnement</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/diagnostics.py"/>
        <source>authentication configuration</source>
        <translation>configuration d&apos;authentification</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/diagnostics.py"/>
        <source>no credentials</source>
        <translation>aucun identifiant</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/diagnostics.py"/>
        <source>PHIDIAS: collecting diagnostics</source>
        <translation>PHIDIAS&#xa0;: collecte du diagnostic</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/diagnostics.py"/>
        <source>Copy Diagnostics</source>
        <translation>Copier le diagnostic</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/diagnostics.py"/>
        <source>The diagnostics are on the clipboard.</source>
        <translation>Le diagnostic est dans le presse-papiers.</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/diagnostics.py"/>
        <source>Versions, settings, the gateway&apos;s health and the last messages, without any secret</source>
        <translation>Versions, paramètres, état de la passerelle et derniers messages, sans aucun secret</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/diagnostics.py"/>
        <source>Collecting...</source>
        <translation>Collecte…</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/diagnostics.py"/>
        <source>Copied</source>
        <translation>Copié</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/estimates.py"/>
        <source>There is no estimate: {}</source>
        <translation>Aucune estimation&#xa0;: {}</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/estimates.py"/>
        <source>Estimate: {}</source>
        <translation>Estimation&#xa0;: {}</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/estimates.py"/>
        <source>scenes: {}</source>
        <translation>scènes&#xa0;: {}</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/estimates.py"/>
        <source>pixels: {}</source>
        <translation>pixels&#xa0;: {}</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/estimates.py"/>
        <source>tiles: {}</source>
        <translation>tuiles&#xa0;: {}</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/estimates.py"/>
        <source>reads {}</source>
        <translation>lecture de {}</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/estimates.py"/>
        <source>writes {}</source>
        <translation>écriture de {}</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/estimates.py"/>
        <source>core-hours: {}</source>
        <translation>heures-cœur&#xa0;: {}</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/estimates.py"/>
        <source>expected to start at {}</source>
        <translation>début prévu&#xa0;: {}</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/execution.py"/>
        <source>Job {} on {}</source>
        <translation>Job {} sur {}</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/execution.py"/>
        <source>The job goes on by itself: see the panel &apos;PHIDIAS jobs&apos;.</source>
        <translation>Le job se poursuit de lui-même&#xa0;: voir le panneau «&#xa0;Jobs PHIDIAS&#xa0;».</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/execution.py"/>
        <location filename="../phidias_qgis/jobs_panel/watch.py"/>
        <source>The job cannot be noted in the user profile: {}</source>
        <translation>Le job ne peut pas être noté dans le profil utilisateur&#xa0;: {}</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/execution.py"/>
        <source>What is to be uploaded cannot be read or written here: {}.</source>
        <translation>Ce qui doit être envoyé ne peut pas être lu ou écrit ici&#xa0;: {}.</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/execution.py"/>
        <source>Looking whether the gateway has {} ({} MB) already</source>
        <translation>La passerelle a-t-elle déjà {} ({}&#xa0;Mo)&#xa0;?</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/execution.py"/>
        <source>Uploading {}</source>
        <translation>Envoi de {}</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/execution.py"/>
        <source>It is there.</source>
        <translation>Elle l&apos;a.</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/execution.py"/>
        <source>Waiting in the queue</source>
        <translation>En attente dans la file</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/execution.py"/>
        <source>(expected to start at {})</source>
        <translation>(début prévu&#xa0;: {})</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/execution.py"/>
        <source>{} The job goes on; trying again in {} s.</source>
        <translation>{} Le job se poursuit&#xa0;; nouvel essai dans {}&#xa0;s.</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/execution.py"/>
        <source>The job was cancelled.</source>
        <translation>Le job a été annulé.</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/execution.py"/>
        <source>The job failed.</source>
        <translation>Le job a échoué.</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/execution.py"/>
        <source>Its last lines:</source>
        <translation>Dernières lignes de son journal&#xa0;:</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/execution.py"/>
        <source>Job {} may go on: {}</source>
        <translation>Le job {} se poursuit peut-être&#xa0;: {}</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/execution.py"/>
        <source>Job {} was cancelled on the gateway.</source>
        <translation>Le job {} a été annulé sur la passerelle.</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/execution.py"/>
        <source>A job may have been started: {}</source>
        <translation>Un job a peut-être été lancé&#xa0;: {}</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/footprints.py"/>
        <source>the layer &apos;{}&apos; has no footprints of scenes.</source>
        <translation>la couche «&#xa0;{}&#xa0;» ne contient pas d&apos;empreintes de scènes.</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/footprints.py"/>
        <source>the footprints are of {} catalogues; a tool takes one.</source>
        <translation>les empreintes proviennent de {} catalogues&#xa0;; un outil n&apos;en accepte qu&apos;un.</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/footprints.py"/>
        <source>the layer &apos;{}&apos; has no footprint, or none is selected.</source>
        <translation>la couche «&#xa0;{}&#xa0;» ne contient aucune empreinte, ou aucune n&apos;est sélectionnée.</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/healing.py"/>
        <source>A result cannot be opened.</source>
        <translation>Un résultat ne peut pas être ouvert.</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/healing.py"/>
        <source>{} layers wait for the connection &apos;{}&apos; and come back by themselves: {}. {}</source>
        <translation>Couches qui attendent la connexion «&#xa0;{1}&#xa0;» et reviendront d&apos;elles-mêmes ({0})&#xa0;: {2}. {3}</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/healing.py"/>
        <source>These layers are unavailable: {}. {}</source>
        <translation>Ces couches sont indisponibles&#xa0;: {}. {}</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/healing.py"/>
        <source>{} and {} more</source>
        <translation>{} et {} de plus</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/healing.py"/>
        <source>PHIDIAS: reconnecting layers to &apos;{}&apos;</source>
        <translation>PHIDIAS&#xa0;: reconnexion des couches à «&#xa0;{}&#xa0;»</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/healing.py"/>
        <location filename="../phidias_qgis/local_copy.py"/>
        <source>The result is not among those of its job any more.</source>
        <translation>Le résultat ne figure plus parmi ceux de son job.</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/jobs_panel/actions.py"/>
        <location filename="../phidias_qgis/jobs_panel/messages.py"/>
        <source>Add to map</source>
        <translation>Ajouter à la carte</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/jobs_panel/actions.py"/>
        <source>Live preview</source>
        <translation>Aperçu en direct</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/jobs_panel/actions.py"/>
        <source>Add to map when done</source>
        <translation>Ajouter à la carte à la fin</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/jobs_panel/actions.py"/>
        <source>Zoom to area</source>
        <translation>Zoomer sur la zone</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/jobs_panel/actions.py"/>
        <location filename="../phidias_qgis/scenes_panel/panel.py"/>
        <source>Cancel</source>
        <translation>Annuler</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/jobs_panel/actions.py"/>
        <source>Run again...</source>
        <translation>Relancer…</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/jobs_panel/actions.py"/>
        <location filename="../phidias_qgis/jobs_panel/details.py"/>
        <source>Run again</source>
        <translation>Relancer</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/jobs_panel/actions.py"/>
        <source>Download...</source>
        <translation>Télécharger…</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/jobs_panel/actions.py"/>
        <source>Keep (pin)</source>
        <translation>Conserver (épingler)</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/jobs_panel/actions.py"/>
        <source>Delete</source>
        <translation>Supprimer</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/jobs_panel/actions.py"/>
        <source>Python (processing.run)</source>
        <translation>Python (processing.run)</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/jobs_panel/actions.py"/>
        <source>qgis_process command</source>
        <translation>Commande qgis_process</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/jobs_panel/actions.py"/>
        <source>JSON (execute request)</source>
        <translation>JSON (requête d&apos;exécution)</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/jobs_panel/actions.py"/>
        <source>Job id</source>
        <translation>Identifiant du job</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/jobs_panel/actions.py"/>
        <source>Copy as</source>
        <translation>Copier comme</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/jobs_panel/actions.py"/>
        <source>The job has no area.</source>
        <translation>Le job n&apos;a pas de zone.</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/jobs_panel/actions.py"/>
        <source>The form cannot show what was given for {}: enter it anew.</source>
        <translation>Le formulaire ne peut pas afficher ce qui a été indiqué pour {}&#xa0;: saisissez-le à nouveau.</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/jobs_panel/actions.py"/>
        <source>{} was started again.</source>
        <translation>{} a été relancé.</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/jobs_panel/actions.py"/>
        <source>Copied, but without {}, which no parameter can express.</source>
        <translation>Copié, mais sans {}, qu&apos;aucun paramètre ne permet d&apos;exprimer.</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/jobs_panel/actions.py"/>
        <source>Copied to the clipboard.</source>
        <translation>Copié dans le presse-papiers.</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/jobs_panel/actions.py"/>
        <source>The process &apos;{}&apos; is not among the tools of this QGIS.</source>
        <translation>Le traitement «&#xa0;{}&#xa0;» ne figure pas parmi les outils de ce QGIS.</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/jobs_panel/actions.py"/>
        <source>Download to a new folder in</source>
        <translation>Télécharger dans un nouveau dossier, dans</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/jobs_panel/actions.py"/>
        <source>Downloaded to {}</source>
        <translation>Téléchargé dans {}</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/jobs_panel/actions.py"/>
        <source>Cancel this job? What it has computed so far is lost.</source>
        <translation>Annuler ce job&#xa0;? Ce qu&apos;il a calculé jusqu&apos;ici sera perdu.</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/jobs_panel/actions.py"/>
        <source>Cancel {} jobs? What they have computed so far is lost.</source>
        <translation>Annuler {} jobs&#xa0;? Ce qu&apos;ils ont calculé jusqu&apos;ici sera perdu.</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/jobs_panel/actions.py"/>
        <source>Delete this job and its results from the gateway?</source>
        <translation>Supprimer ce job et ses résultats de la passerelle&#xa0;?</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/jobs_panel/actions.py"/>
        <source>Delete {} jobs and their results from the gateway?</source>
        <translation>Supprimer {} jobs et leurs résultats de la passerelle&#xa0;?</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/jobs_panel/again.py"/>
        <source>Area of {}</source>
        <translation>Zone de {}</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/jobs_panel/again.py"/>
        <source>Features of {}</source>
        <translation>Entités de {}</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/jobs_panel/details.py"/>
        <source>Log</source>
        <translation>Journal</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/jobs_panel/details.py"/>
        <source>Results</source>
        <translation>Résultats</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/jobs_panel/details.py"/>
        <source>About</source>
        <translation>Infos</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/jobs_panel/details.py"/>
        <source>Select a job to see more of it.</source>
        <translation>Sélectionnez un job pour en voir le détail.</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/jobs_panel/details.py"/>
        <location filename="../phidias_qgis/jobs_panel/panel.py"/>
        <source>Asking the gateway ...</source>
        <translation>Interrogation de la passerelle…</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/jobs_panel/details.py"/>
        <source>This job has no results.</source>
        <translation>Ce job n&apos;a pas de résultats.</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/jobs_panel/details.py"/>
        <source>The job has not ended yet.</source>
        <translation>Le job n&apos;est pas encore terminé.</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/jobs_panel/details.py"/>
        <location filename="../phidias_qgis/jobs_panel/model.py"/>
        <source>Process</source>
        <translation>Traitement</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/jobs_panel/details.py"/>
        <location filename="../phidias_qgis/jobs_panel/model.py"/>
        <source>Submitted</source>
        <translation>Soumis le</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/jobs_panel/details.py"/>
        <source>Started</source>
        <translation>Début</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/jobs_panel/details.py"/>
        <source>Ended</source>
        <translation>Fin</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/jobs_panel/details.py"/>
        <source>Kept until</source>
        <translation>Conservé jusqu&apos;au</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/jobs_panel/details.py"/>
        <source>unpinned</source>
        <translation>désépinglage</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/jobs_panel/details.py"/>
        <source>Size</source>
        <translation>Taille</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/jobs_panel/details.py"/>
        <source>Each task was given</source>
        <translation>Alloué à chaque tâche</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/jobs_panel/details.py"/>
        <source>Cause</source>
        <translation>Cause</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/jobs_panel/details.py"/>
        <source>CPUs: {:g}</source>
        <translation>CPU&#xa0;: {:g}</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/jobs_panel/details.py"/>
        <source>memory: {:g} GB</source>
        <translation>mémoire&#xa0;: {:g}&#xa0;Go</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/jobs_panel/details.py"/>
        <source>time: {:g} min</source>
        <translation>temps&#xa0;: {:g}&#xa0;min</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/jobs_panel/details.py"/>
        <source>GPUs: {:g}</source>
        <translation>GPU&#xa0;: {:g}</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/jobs_panel/dock.py"/>
        <source>PHIDIAS jobs</source>
        <translation>Jobs PHIDIAS</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/jobs_panel/feature.py"/>
        <location filename="../phidias_qgis/jobs_panel/panel.py"/>
        <location filename="../phidias_qgis/locator.py"/>
        <source>Jobs</source>
        <translation>Jobs</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/jobs_panel/fetching.py"/>
        <source>PHIDIAS: fetching {}</source>
        <translation>PHIDIAS&#xa0;: récupération de {}</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/jobs_panel/fetching.py"/>
        <source>The results could not be fetched.</source>
        <translation>Les résultats n&apos;ont pas pu être récupérés.</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/jobs_panel/fetching.py"/>
        <source>The job has no layers that could be added to the map.</source>
        <translation>Le job n&apos;a aucune couche à ajouter à la carte.</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/jobs_panel/fetching.py"/>
        <source>PHIDIAS: downloading {}</source>
        <translation>PHIDIAS&#xa0;: téléchargement de {}</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/jobs_panel/indicator.py"/>
        <source>{} running</source>
        <translation>{} en cours</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/jobs_panel/indicator.py"/>
        <source>{} waiting</source>
        <translation>{} en attente</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/jobs_panel/indicator.py"/>
        <source>PHIDIAS jobs: {}</source>
        <translation>Jobs PHIDIAS&#xa0;: {}</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/jobs_panel/log_view.py"/>
        <source>Task</source>
        <translation>Tâche</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/jobs_panel/log_view.py"/>
        <source> of {}</source>
        <translation> sur {}</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/jobs_panel/log_view.py"/>
        <source>This server keeps no logs.</source>
        <translation>Ce serveur ne conserve pas de journaux.</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/jobs_panel/log_view.py"/>
        <source>(The last {} KB of the log.)</source>
        <translation>(Les {} derniers Ko du journal.)</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/jobs_panel/log_view.py"/>
        <source>Nothing has been logged yet.</source>
        <translation>Le journal est encore vide.</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/jobs_panel/messages.py"/>
        <source>{} jobs have ended: {} successful, {} not.</source>
        <translation>{} jobs sont terminés&#xa0;: {} avec succès, {} sans.</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/jobs_panel/messages.py"/>
        <source>Show</source>
        <translation>Afficher</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/jobs_panel/messages.py"/>
        <source>done after {}.</source>
        <translation>terminé en {}.</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/jobs_panel/messages.py"/>
        <source>done.</source>
        <translation>terminé.</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/jobs_panel/messages.py"/>
        <source>the job was cancelled.</source>
        <translation>le job a été annulé.</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/jobs_panel/model.py"/>
        <source>Status</source>
        <translation>Statut</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/jobs_panel/model.py"/>
        <source>Time</source>
        <translation>Durée</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/jobs_panel/panel.py"/>
        <source>Show jobs in this state</source>
        <translation>Afficher les jobs dans cet état</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/jobs_panel/panel.py"/>
        <source>All</source>
        <translation>Tous</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/jobs_panel/panel.py"/>
        <source>Not ended</source>
        <translation>Non terminé</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/jobs_panel/panel.py"/>
        <location filename="../phidias_qgis/jobs_panel/words.py"/>
        <source>Successful</source>
        <translation>Réussi</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/jobs_panel/panel.py"/>
        <location filename="../phidias_qgis/jobs_panel/words.py"/>
        <source>Failed</source>
        <translation>En échec</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/jobs_panel/panel.py"/>
        <location filename="../phidias_qgis/jobs_panel/words.py"/>
        <source>Cancelled</source>
        <translation>Annulé</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/jobs_panel/panel.py"/>
        <source>Show jobs of this process</source>
        <translation>Afficher les jobs de ce traitement</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/jobs_panel/panel.py"/>
        <location filename="../phidias_qgis/scenes_panel/panel.py"/>
        <source>Search</source>
        <translation>Rechercher</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/jobs_panel/panel.py"/>
        <source>Refresh</source>
        <translation>Actualiser</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/jobs_panel/panel.py"/>
        <source>All processes</source>
        <translation>Tout traitement</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/jobs_panel/panel.py"/>
        <source>No gateway is set up.</source>
        <translation>Aucune passerelle n&apos;est configurée.</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/jobs_panel/panel.py"/>
        <source>Set one up</source>
        <translation>En configurer une</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/jobs_panel/panel.py"/>
        <source>Try again</source>
        <translation>Réessayer</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/jobs_panel/panel.py"/>
        <source>No such jobs.</source>
        <translation>Aucun job de ce type.</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/jobs_panel/panel.py"/>
        <source>You have no jobs yet.</source>
        <translation>Vous n&apos;avez pas encore de jobs.</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/jobs_panel/panel.py"/>
        <source>{} of the newest {} jobs</source>
        <translation>{} des {} jobs les plus récents</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/jobs_panel/panel.py"/>
        <source>{} of {} jobs</source>
        <translation>{} sur {} jobs</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/jobs_panel/panel.py"/>
        <source>the newest {} jobs</source>
        <translation>les {} jobs les plus récents</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/jobs_panel/panel.py"/>
        <source>Jobs: {}</source>
        <translation>Jobs&#xa0;: {}</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/jobs_panel/panel.py"/>
        <source>Read on</source>
        <translation>Voir la suite</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/jobs_panel/panel.py"/>
        <source>Tell me when a job ends</source>
        <translation>M&apos;avertir à la fin d&apos;un job</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/jobs_panel/preview.py"/>
        <source>The gateway shows nothing of this job before it has ended.</source>
        <translation>La passerelle ne montre rien de ce job avant sa fin.</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/jobs_panel/preview.py"/>
        <source>{} (preview: {} of {} tiles)</source>
        <translation>{} (aperçu&#xa0;: {} sur {} tuiles)</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/jobs_panel/preview.py"/>
        <source>Nothing of this job is finished.</source>
        <translation>Rien n&apos;est encore terminé dans ce job.</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/jobs_panel/request_view.py"/>
        <source>Parameter</source>
        <translation>Paramètre</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/jobs_panel/request_view.py"/>
        <source>Value</source>
        <translation>Valeur</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/jobs_panel/request_view.py"/>
        <source>Results asked for</source>
        <translation>Résultats demandés</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/jobs_panel/request_view.py"/>
        <source>Resources asked for</source>
        <translation>Ressources demandées</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/jobs_panel/request_view.py"/>
        <source>yes</source>
        <translation>oui</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/jobs_panel/request_view.py"/>
        <source>no</source>
        <translation>non</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/jobs_panel/request_view.py"/>
        <source>polygon</source>
        <translation>polygone</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/jobs_panel/request_view.py"/>
        <source>polygons</source>
        <translation>polygones</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/jobs_panel/request_view.py"/>
        <source>{} within {:.4g} to {:.4g} east, {:.4g} to {:.4g} north</source>
        <translation>{} de {:.4g} à {:.4g} est, de {:.4g} à {:.4g} nord</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/jobs_panel/results_view.py"/>
        <source>Result</source>
        <translation>Résultat</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/jobs_panel/results_view.py"/>
        <source>Content</source>
        <translation>Contenu</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/jobs_panel/results_view.py"/>
        <source>Where it comes from</source>
        <translation>Provenance</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/jobs_panel/results_view.py"/>
        <source>raster</source>
        <translation>raster</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/jobs_panel/results_view.py"/>
        <source>picture</source>
        <translation>image</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/jobs_panel/results_view.py"/>
        <source>vector layer</source>
        <translation>couche vecteur</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/jobs_panel/results_view.py"/>
        <source>report</source>
        <translation>rapport</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/jobs_panel/results_view.py"/>
        <source>file</source>
        <translation>fichier</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/jobs_panel/results_view.py"/>
        <source>{} files: {}</source>
        <translation>{} fichiers&#xa0;: {}</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/jobs_panel/results_view.py"/>
        <source>Lineage</source>
        <translation>Généalogie</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/jobs_panel/results_view.py"/>
        <source>Expression</source>
        <translation>Expression</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/jobs_panel/results_view.py"/>
        <source>Software</source>
        <translation>Logiciels</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/jobs_panel/results_view.py"/>
        <source>From</source>
        <translation>Début</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/jobs_panel/results_view.py"/>
        <source>To</source>
        <translation>Fin</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/jobs_panel/results_view.py"/>
        <source>Reference system</source>
        <translation>Système de référence</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/jobs_panel/results_view.py"/>
        <source>Scene</source>
        <translation>Scène</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/jobs_panel/words.py"/>
        <source>Waiting</source>
        <translation>En attente</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/jobs_panel/words.py"/>
        <source>Running</source>
        <translation>En cours</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/jobs_panel/words.py"/>
        <source>in the queue</source>
        <translation>dans la file d&apos;attente</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/jobs_panel/words.py"/>
        <source>{} of {} tasks done</source>
        <translation>Tâches terminées&#xa0;: {} sur {}</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/jobs_panel/words.py"/>
        <source>{} failed</source>
        <translation>{} en échec</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/jobs_panel/words.py"/>
        <source>starts about {}</source>
        <translation>démarre vers {}</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/jobs_panel/words.py"/>
        <source>for {}</source>
        <translation>depuis {}</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/jobs_panel/words.py"/>
        <source>{} left</source>
        <translation>reste {}</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/jobs_panel/words.py"/>
        <source>{} s</source>
        <translation>{}&#xa0;s</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/jobs_panel/words.py"/>
        <source>{} min {} s</source>
        <translation>{}&#xa0;min {}&#xa0;s</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/jobs_panel/words.py"/>
        <source>{} min</source>
        <translation>{}&#xa0;min</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/jobs_panel/words.py"/>
        <source>{} h {} min</source>
        <translation>{}&#xa0;h {}&#xa0;min</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/jobs_panel/words.py"/>
        <source>{} d {} h</source>
        <translation>{}&#xa0;j {}&#xa0;h</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/kept_layers.py"/>
        <source>Make a local copy…</source>
        <translation>Créer une copie locale…</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/kept_layers.py"/>
        <source>There is no local copy of {} yet: {} Try again: it goes on where it stopped.</source>
        <translation>Il n&apos;y a pas encore de copie locale de {}&#xa0;: {} Réessayez&#xa0;: la copie reprendra là où elle s&apos;est arrêtée.</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/layers.py"/>
        <source>The result &apos;{}&apos; is ready, but cannot be streamed from the gateway.</source>
        <translation>Le résultat «&#xa0;{}&#xa0;» est prêt, mais ne peut pas être lu en flux depuis la passerelle.</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/layers.py"/>
        <source>Give a file name for it, so that it is downloaded.</source>
        <translation>Indiquez-lui un nom de fichier pour qu&apos;il soit téléchargé.</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/local_copy.py"/>
        <source>The layer &apos;{}&apos; is no streamed result of a PHIDIAS job.</source>
        <translation>La couche «&#xa0;{}&#xa0;» n&apos;est pas un résultat en flux d&apos;un job PHIDIAS.</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/local_copy.py"/>
        <source>Local copy of {}</source>
        <translation>Copie locale de {}</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/local_rasters.py"/>
        <source>the raster &apos;{}&apos; is not georeferenced, so that the area has no place on it.</source>
        <translation>le raster «&#xa0;{}&#xa0;» n&apos;est pas géoréférencé&#xa0;: la zone n&apos;y a pas de place.</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/local_rasters.py"/>
        <source>Georeference it, or warp it to a coordinate reference system, or leave the area out.</source>
        <translation>Géoréférencez-le, ou projetez-le dans un système de coordonnées de référence, ou ne donnez pas de zone.</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/local_rasters.py"/>
        <source>the area lies outside of the raster &apos;{}&apos;.</source>
        <translation>la zone est en dehors du raster «&#xa0;{}&#xa0;».</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/local_rasters.py"/>
        <source>Choose an area on the raster, or none.</source>
        <translation>Choisissez une zone sur le raster, ou aucune.</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/local_rasters.py"/>
        <source>of the layer &apos;{}&apos;, {} GB would have to be fetched.</source>
        <translation>de la couche «&#xa0;{}&#xa0;», il faudrait récupérer {}&#xa0;Go.</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/local_rasters.py"/>
        <source>Choose a smaller area; where the tool has none, export a part of the layer and choose that.</source>
        <translation>Choisissez une zone plus petite&#xa0;; si l&apos;outil n&apos;en a pas, exportez une partie de la couche et choisissez ce fichier.</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/local_rasters.py"/>
        <source>Of the raster &apos;{}&apos;, {} x {} of {} x {} pixels are needed: they are put into a file.</source>
        <translation>Du raster «&#xa0;{}&#xa0;», {} x {} pixels sur {} x {} sont nécessaires&#xa0;: ils sont mis dans un fichier.</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/local_rasters.py"/>
        <source>the raster &apos;{}&apos; cannot be made ready for the upload: {}.</source>
        <translation>le raster «&#xa0;{}&#xa0;» ne peut pas être préparé pour l&apos;envoi&#xa0;: {}.</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/local_rasters.py"/>
        <source>Export it as a GeoTIFF and choose that.</source>
        <translation>Exportez-la en GeoTIFF et choisissez ce fichier.</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/local_rasters.py"/>
        <source>the layer &apos;{}&apos; is a picture: its pixels are colours, not measurements.</source>
        <translation>la couche «&#xa0;{}&#xa0;» est une image&#xa0;: ses pixels sont des couleurs, non des mesures.</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/local_rasters.py"/>
        <source>Choose a layer of the data themselves (a file, WCS, PostGIS).</source>
        <translation>Choisissez une couche des données elles-mêmes (fichier, WCS, PostGIS).</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/local_rasters.py"/>
        <source>the layer &apos;{}&apos; does not say how large its pixels are.</source>
        <translation>la couche «&#xa0;{}&#xa0;» ne dit pas la taille de ses pixels.</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/local_vectors.py"/>
        <source>the layer &apos;{}&apos; has no feature in the area that can be used.</source>
        <translation>la couche «&#xa0;{}&#xa0;» n&apos;a dans la zone aucune entité utilisable.</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/local_vectors.py"/>
        <source>the layer &apos;{}&apos; has no feature that can be used.</source>
        <translation>la couche «&#xa0;{}&#xa0;» n&apos;a aucune entité utilisable.</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/local_vectors.py"/>
        <source>Choose another layer, or clear its filter or selection.</source>
        <translation>Choisissez une autre couche, ou retirez son filtre ou sa sélection.</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/local_vectors.py"/>
        <source>Features left out for having no geometry: {}</source>
        <translation>Entités laissées de côté faute de géométrie&#xa0;: {}</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/local_vectors.py"/>
        <source>Features left out for an invalid geometry: {}</source>
        <translation>Entités laissées de côté pour géométrie invalide&#xa0;: {}</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/local_vectors.py"/>
        <source>the feature {} of the layer &apos;{}&apos; crosses itself or is malformed ({}).</source>
        <translation>l&apos;entité {} de la couche «&#xa0;{}&#xa0;» se recoupe ou est mal formée ({}).</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/local_vectors.py"/>
        <source>Repair the layer with the tool &apos;Fix geometries&apos;, or have QGIS leave out invalid features.</source>
        <translation>Réparez la couche avec l&apos;outil «&#xa0;Réparer les géométries&#xa0;», ou laissez QGIS ignorer les entités invalides.</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/local_vectors.py"/>
        <source>the features cannot be written for the upload: {}</source>
        <translation>les entités ne peuvent pas être écrites pour l&apos;envoi&#xa0;: {}</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/local_vectors.py"/>
        <source>Export the layer as FlatGeobuf and choose that.</source>
        <translation>Exportez la couche en FlatGeobuf et choisissez ce fichier.</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/locator.py"/>
        <source>PHIDIAS tools and jobs</source>
        <translation>Outils et jobs PHIDIAS</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/locator.py"/>
        <source>Tools</source>
        <translation>Outils</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/metadata.py"/>
        <source>{} to {}</source>
        <translation>Du {} au {}</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/metadata.py"/>
        <source>Inputs: {}</source>
        <translation>Entrées&#xa0;: {}</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/metadata.py"/>
        <source>Software: {}</source>
        <translation>Logiciels&#xa0;: {}</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/metadata.py"/>
        <source>Made on {}</source>
        <translation>Créé le {}</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/metadata.py"/>
        <source>Cite</source>
        <translation>Citer</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/metadata.py"/>
        <source>Made from</source>
        <translation>Issu de</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/network.py"/>
        <source>QGIS cannot use the credentials of the connection.</source>
        <translation>QGIS ne peut pas utiliser les identifiants de la connexion.</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/network.py"/>
        <source>Choose them again in Settings &gt; Options &gt; PHIDIAS, and give QGIS&apos;s master password.</source>
        <translation>Choisissez-les à nouveau dans Préférences &gt; Options &gt; PHIDIAS, et donnez le mot de passe principal de QGIS.</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/options_page.py"/>
        <source>Gateway</source>
        <translation>Passerelle</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/options_page.py"/>
        <source>Add...</source>
        <translation>Ajouter…</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/options_page.py"/>
        <source>Edit...</source>
        <translation>Éditer…</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/options_page.py"/>
        <source>Duplicate</source>
        <translation>Dupliquer</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/options_page.py"/>
        <location filename="../phidias_qgis/scenes_panel/own.py"/>
        <source>Remove</source>
        <translation>Supprimer</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/options_page.py"/>
        <source>Import...</source>
        <translation>Importer…</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/options_page.py"/>
        <source>Export...</source>
        <translation>Exporter…</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/options_page.py"/>
        <source>The environment variable {} is set and goes before this list.</source>
        <translation>La variable d&apos;environnement {} est définie et l&apos;emporte sur cette liste.</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/options_page.py"/>
        <source>Import Connections</source>
        <translation>Importer des connexions</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/options_page.py"/>
        <source>New connections: {}. Give them your credentials.</source>
        <translation>Nouvelles connexions&#xa0;: {}. Donnez-leur vos identifiants.</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/options_page.py"/>
        <source>Export Connections</source>
        <translation>Exporter les connexions</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/options_page.py"/>
        <source>Exported, without credentials.</source>
        <translation>Exporté, sans les identifiants.</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/options_page.py"/>
        <source>{} (default)</source>
        <translation>{} (par défaut)</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/options_page.py"/>
        <source>Add the address of a gateway, or an SSH host on which a gateway of your own can be started.</source>
        <translation>Ajoutez l&apos;adresse d&apos;une passerelle, ou un hôte SSH sur lequel démarrer votre propre passerelle.</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/options_page.py"/>
        <source>JSON files (*.json)</source>
        <translation>Fichiers JSON (*.json)</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/outputs.py"/>
        <source>Result: {}</source>
        <translation>Résultat&#xa0;: {}</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/outputs.py"/>
        <source>Downloading {}</source>
        <translation>Téléchargement de {}</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/outputs.py"/>
        <source>Downloading to {}</source>
        <translation>Téléchargement dans {}</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/outputs.py"/>
        <source>{} (address)</source>
        <translation>{} (adresse)</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/outputs.py"/>
        <source>Left temporary, the layer is streamed from the gateway; with a file name it is downloaded there.</source>
        <translation>Laissée temporaire, la couche est lue en flux depuis la passerelle&#xa0;; avec un nom de fichier, elle y est téléchargée.</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/outputs.py"/>
        <source>{} (folder)</source>
        <translation>{} (dossier)</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/outputs.py"/>
        <source>Left temporary, the layers are streamed from the gateway; with a folder they are downloaded there.</source>
        <translation>Laissées temporaires, les couches sont lues en flux depuis la passerelle&#xa0;; avec un dossier, elles y sont téléchargées.</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/outputs.py"/>
        <source>Add the layers to the map</source>
        <translation>Ajouter les couches à la carte</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/parameters.py"/>
        <source>a value is needed.</source>
        <translation>une valeur est nécessaire.</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/plain.py"/>
        <source>&apos;{}&apos; is not a choice.</source>
        <translation>«&#xa0;{}&#xa0;» ne fait pas partie des choix.</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/plain.py"/>
        <source>Choose from {}</source>
        <translation>Choisissez parmi {}</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/plain.py"/>
        <source>larger than {}</source>
        <translation>supérieure à {}</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/plain.py"/>
        <source>smaller than {}</source>
        <translation>inférieure à {}</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/plain.py"/>
        <source>it is {}.</source>
        <translation>la valeur est {}.</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/plain.py"/>
        <source>Give {}.</source>
        <translation>Indiquez une valeur {}.</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/plain.py"/>
        <source>it has {} characters.</source>
        <translation>la valeur compte {} caractères.</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/plain.py"/>
        <source>Use at most {}.</source>
        <translation>Utilisez-en {} au plus.</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/plain.py"/>
        <source>&apos;{}&apos; is not a system of the EPSG register.</source>
        <translation>«&#xa0;{}&#xa0;» n&apos;est pas un système du registre EPSG.</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/plain.py"/>
        <source>Choose one with an EPSG code, such as EPSG:32631.</source>
        <translation>Choisissez-en un qui a un code EPSG, tel que EPSG:32631.</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/plain.py"/>
        <source>&apos;{}&apos; is not a list of numbers.</source>
        <translation>«&#xa0;{}&#xa0;» n&apos;est pas une liste de nombres.</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/plain.py"/>
        <source>Write them with commas between, as in 1, 2.5, 3.</source>
        <translation>Séparez-les par des virgules, avec un point décimal, comme dans 1, 2.5, 3.</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/plain.py"/>
        <source>{} (JSON)</source>
        <translation>{} (JSON)</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/plain.py"/>
        <location filename="../phidias_qgis/vectors.py"/>
        <source>it is not valid JSON ({}).</source>
        <translation>le JSON n&apos;est pas valide ({}).</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/plain.py"/>
        <source>Write it as in {&quot;name&quot;: [1, 2]}.</source>
        <translation>Écrivez-le comme dans {&quot;name&quot;: [1, 2]}.</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/plugin.py"/>
        <source>PHIDIAS: asking for the list of tools</source>
        <translation>PHIDIAS&#xa0;: demande de la liste des outils</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/probe.py"/>
        <source>{} answers in {} ms</source>
        <translation>{} répond en {}&#xa0;ms</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/probe.py"/>
        <source>signed in as {}</source>
        <translation>connecté en tant que {}</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/probe.py"/>
        <source>jobs run on {}</source>
        <translation>les jobs s&apos;exécutent sur {}</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/probe.py"/>
        <source>processes: {}</source>
        <translation>traitements&#xa0;: {}</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/probe.py"/>
        <source>the gateway&apos;s own computer</source>
        <translation>l&apos;ordinateur de la passerelle</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/probe.py"/>
        <source>PHIDIAS: testing the connection</source>
        <translation>PHIDIAS&#xa0;: test de la connexion</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/project_sources.py"/>
        <source>Signed links may be left in the project file {}: {}</source>
        <translation>Des liens signés sont peut-être restés dans le fichier de projet {}&#xa0;: {}</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/provider.py"/>
        <source>PHIDIAS (Earth observation on a supercomputer)</source>
        <translation>PHIDIAS (observation de la Terre sur supercalculateur)</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/provider.py"/>
        <source>The process {} cannot be shown as a tool.</source>
        <translation>Le traitement {} ne peut pas être présenté comme outil.</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/raster_sources.py"/>
        <source>its bands have different values for &apos;no data&apos;, which a GeoTIFF cannot have</source>
        <translation>ses bandes ont des valeurs «&#xa0;nodata&#xa0;» différentes, ce qu&apos;un GeoTIFF ne permet pas</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/raster_sources.py"/>
        <source>GDAL does not say why</source>
        <translation>GDAL ne dit pas pourquoi</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/raster_sources.py"/>
        <source>it cannot be opened any more</source>
        <translation>il ne peut plus être ouvert</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/raster_sources.py"/>
        <source>QGIS cannot write it (error {})</source>
        <translation>QGIS ne peut pas l&apos;écrire (erreur {})</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/rasters.py"/>
        <source>the raster {} cannot be opened.</source>
        <translation>le raster {} ne peut pas être ouvert.</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/rasters.py"/>
        <source>Choose a raster layer or file.</source>
        <translation>Choisissez une couche ou un fichier raster.</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/scenes.py"/>
        <source>Scenes found with the tool &apos;Search scenes&apos;: those of this layer, or the selected ones of them. They go before the catalogue and the other wishes.</source>
        <translation>Scènes trouvées avec l&apos;outil «&#xa0;Rechercher des scènes&#xa0;»&#xa0;: celles de cette couche, ou celles qui y sont sélectionnées. Elles l&apos;emportent sur le catalogue et les autres critères.</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/scenes.py"/>
        <source>{}: names</source>
        <translation>{}&#xa0;: noms</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/scenes.py"/>
        <source>Names of chosen scenes, separated by commas; none means every scene of the search.</source>
        <translation>Noms des scènes choisies, séparés par des virgules&#xa0;; si aucun n&apos;est indiqué, toutes les scènes de la recherche.</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/scenes.py"/>
        <source>{}: footprints</source>
        <translation>{}&#xa0;: empreintes</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/scenes.py"/>
        <source>{}: catalogue</source>
        <translation>{}&#xa0;: catalogue</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/scenes.py"/>
        <source>The address of a STAC API or of a static catalogue, the name of an archive of the site, or one of {}.</source>
        <translation>L&apos;adresse d&apos;une API STAC ou d&apos;un catalogue statique, le nom d&apos;une archive du site, ou l&apos;un de ceux-ci&#xa0;: {}.</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/scenes.py"/>
        <source>{}: collections</source>
        <translation>{}&#xa0;: collections</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/scenes.py"/>
        <source>Collections to search, separated by commas; none means all.</source>
        <translation>Collections dans lesquelles chercher, séparées par des virgules&#xa0;; si aucune n&apos;est indiquée, toutes.</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/scenes.py"/>
        <source>{}: first day</source>
        <translation>{}&#xa0;: premier jour</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/scenes.py"/>
        <source>First day of the period; empty leaves it open.</source>
        <translation>Premier jour de la période&#xa0;; vide, elle reste ouverte.</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/scenes.py"/>
        <source>{}: last day</source>
        <translation>{}&#xa0;: dernier jour</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/scenes.py"/>
        <source>Last day of the period, included; empty leaves it open.</source>
        <translation>Dernier jour de la période, inclus&#xa0;; vide, elle reste ouverte.</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/scenes.py"/>
        <source>Scenes with more cloud, as their metadata say, are left out.</source>
        <translation>Les scènes plus nuageuses, d&apos;après leurs métadonnées, sont écartées.</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/scenes.py"/>
        <source>{}: largest cloud cover (%)</source>
        <translation>{}&#xa0;: couverture nuageuse maximale (%)</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/scenes.py"/>
        <source>no catalogue is given.</source>
        <translation>aucun catalogue n&apos;est indiqué.</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/scenes.py"/>
        <source>Give the address of a STAC catalogue, or the name of an archive of the site.</source>
        <translation>Indiquez l&apos;adresse d&apos;un catalogue STAC ou le nom d&apos;une archive du site.</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/scenes.py"/>
        <source>the period is empty: it ends ({}) before it starts ({}).</source>
        <translation>la période est vide&#xa0;: elle se termine ({}) avant de commencer ({}).</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/scenes.py"/>
        <source>Exchange the dates.</source>
        <translation>Inversez les dates.</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/scenes.py"/>
        <source>Choose a result of the tool &apos;Search scenes&apos;.</source>
        <translation>Choisissez un résultat de l&apos;outil «&#xa0;Rechercher des scènes&#xa0;».</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/scenes_panel/feature.py"/>
        <location filename="../phidias_qgis/search.py"/>
        <source>Search scenes</source>
        <translation>Rechercher des scènes</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/scenes_panel/own.py"/>
        <source>A catalogue of your own</source>
        <translation>Catalogue personnel</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/scenes_panel/panel.py"/>
        <source>PHIDIAS: search scenes</source>
        <translation>PHIDIAS&#xa0;: recherche de scènes</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/scenes_panel/panel.py"/>
        <source>Name or address of a catalogue</source>
        <translation>Nom ou adresse d&apos;un catalogue</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/scenes_panel/panel.py"/>
        <source>Add or change a catalogue of your own</source>
        <translation>Ajouter ou modifier un catalogue personnel</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/scenes_panel/panel.py"/>
        <source>All collections</source>
        <translation>Toutes les collections</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/scenes_panel/panel.py"/>
        <source>Map view</source>
        <translation>Vue actuelle</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/scenes_panel/panel.py"/>
        <source>Use in a tool</source>
        <translation>Utiliser dans un outil</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/scenes_panel/panel.py"/>
        <source>The selected footprints, or all if none is selected, become the scenes of a tool.</source>
        <translation>Les empreintes sélectionnées, ou toutes si aucune ne l&apos;est, deviennent les scènes d&apos;un outil.</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/scenes_panel/panel.py"/>
        <source>Its files need an account, and yours stays in QGIS: ask whether the gateway has one.</source>
        <translation>Ses fichiers exigent un compte, et le vôtre reste dans QGIS&#xa0;: demandez si la passerelle en a un.</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/scenes_panel/panel.py"/>
        <source>Scenes of {}</source>
        <translation>Scènes de {}</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/scenes_panel/panel.py"/>
        <source>The layer of footprints is gone: search again.</source>
        <translation>La couche d&apos;empreintes n&apos;existe plus&#xa0;: relancez la recherche.</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/scenes_panel/panel.py"/>
        <source>Catalogue</source>
        <translation>Catalogue</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/scenes_panel/panel.py"/>
        <source>Collections</source>
        <translation>Collections</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/scenes_panel/panel.py"/>
        <source>First day</source>
        <translation>Premier jour</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/scenes_panel/panel.py"/>
        <source>Last day</source>
        <translation>Dernier jour</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/scenes_panel/panel.py"/>
        <source>Clouds at most</source>
        <translation>Nuages max.</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/scenes_panel/panel.py"/>
        <location filename="../phidias_qgis/search.py"/>
        <source>Scenes at most</source>
        <translation>Scènes max.</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/scenes_panel/panel.py"/>
        <location filename="../phidias_qgis/search.py"/>
        <source>Area</source>
        <translation>Zone</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/scenes_panel/searching.py"/>
        <source>The search was cancelled.</source>
        <translation>La recherche a été annulée.</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/scenes_panel/searching.py"/>
        <location filename="../phidias_qgis/search.py"/>
        <source>Scenes found: {}</source>
        <translation>Scènes trouvées&#xa0;: {}</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/scenes_panel/searching.py"/>
        <source>PHIDIAS: looking what there is to search</source>
        <translation>PHIDIAS&#xa0;: consultation du catalogue</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/search.py"/>
        <source>Where to search.</source>
        <translation>Où chercher.</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/search.py"/>
        <source>Scenes</source>
        <translation>Scènes</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/search.py"/>
        <source>Scenes that touch it are found.</source>
        <translation>Les scènes qui la touchent sont trouvées.</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/search.py"/>
        <source>Searches a STAC catalogue for scenes of an area and a period. The result is a layer of footprints, drawn by date; pointing at one with map tips switched on shows its quicklook. Given to another tool as its footprints, these scenes, or the selected ones of them, are what it works on.</source>
        <translation>Recherche dans un catalogue STAC les scènes d&apos;une zone et d&apos;une période. Le résultat est une couche d&apos;empreintes, colorées selon leur date&#xa0;; pointer l&apos;une d&apos;elles, avec les infobulles activées, montre son aperçu. Si cette couche est donnée à un autre outil comme empreintes, il travaille sur ces scènes, ou sur celles qui sont sélectionnées.</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/search.py"/>
        <source>The search ends with this number, in the catalogue&apos;s order.</source>
        <translation>La recherche s&apos;arrête à ce nombre, dans l&apos;ordre du catalogue.</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/search.py"/>
        <source>For a protected catalogue: an authentication configuration of QGIS.</source>
        <translation>Pour un catalogue protégé&#xa0;: une configuration d&apos;authentification de QGIS.</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/search.py"/>
        <source>Footprints</source>
        <translation>Empreintes</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/search.py"/>
        <source>Scenes found</source>
        <translation>Scènes trouvées</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/search.py"/>
        <source>{} scenes so far</source>
        <translation>Scènes jusqu&apos;ici&#xa0;: {}</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/search.py"/>
        <source>There may be more: the search ended at the number of scenes that was allowed.</source>
        <translation>Il y en a peut-être d&apos;autres&#xa0;: la recherche s&apos;est arrêtée au nombre de scènes autorisé.</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/vectors.py"/>
        <source>the layer {} cannot be read.</source>
        <translation>la couche {} ne peut pas être lue.</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/vectors.py"/>
        <source>Choose a vector layer or file.</source>
        <translation>Choisissez une couche ou un fichier vecteur.</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/vectors.py"/>
        <source>Give GeoJSON.</source>
        <translation>Donnez du GeoJSON.</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/vectors.py"/>
        <source>the text is no GeoJSON FeatureCollection.</source>
        <translation>le texte n&apos;est pas une FeatureCollection GeoJSON.</translation>
    </message>
    <message>
        <location filename="../phidias_qgis/vectors.py"/>
        <source>Give one, or choose a layer.</source>
        <translation>Donnez-en une, ou choisissez une couche.</translation>
    </message>
    <message>
        <location filename="../resources/processes.json"/>
        <source>Echo</source>
        <translation>Écho</translation>
    </message>
    <message>
        <location filename="../resources/processes.json"/>
        <source>Gives every input back as an output of the same name. Good for trying out a connection.</source>
        <translation>Renvoie chaque entrée comme sortie du même nom. Utile pour essayer une connexion.</translation>
    </message>
    <message>
        <location filename="../resources/processes.json"/>
        <source>Diagnostics</source>
        <translation>Diagnostic</translation>
    </message>
    <message>
        <location filename="../resources/processes.json"/>
        <source>Text</source>
        <translation>Texte</translation>
    </message>
    <message>
        <location filename="../resources/processes.json"/>
        <source>Number</source>
        <translation>Nombre</translation>
    </message>
    <message>
        <location filename="../resources/processes.json"/>
        <source>Whole number</source>
        <translation>Nombre entier</translation>
    </message>
    <message>
        <location filename="../resources/processes.json"/>
        <source>Flag</source>
        <translation>Oui ou non</translation>
    </message>
    <message>
        <location filename="../resources/processes.json"/>
        <source>Choice</source>
        <translation>Choix</translation>
    </message>
    <message>
        <location filename="../resources/processes.json"/>
        <source>Numbers</source>
        <translation>Nombres</translation>
    </message>
    <message>
        <location filename="../resources/processes.json"/>
        <source>Bounding box</source>
        <translation>Emprise</translation>
    </message>
    <message>
        <location filename="../resources/processes.json"/>
        <source>JSON object</source>
        <translation>Objet JSON</translation>
    </message>
    <message>
        <location filename="../resources/processes.json"/>
        <source>Raster</source>
        <translation>Raster</translation>
    </message>
    <message>
        <location filename="../resources/processes.json"/>
        <source>Features</source>
        <translation>Entités</translation>
    </message>
    <message>
        <location filename="../resources/processes.json"/>
        <source>Pause</source>
        <translation>Pause</translation>
    </message>
    <message>
        <location filename="../resources/processes.json"/>
        <source>Seconds to wait before answering, with progress.</source>
        <translation>Secondes d&apos;attente avant la réponse, avec progression.</translation>
    </message>
    <message>
        <location filename="../resources/processes.json"/>
        <source>End as failed</source>
        <translation>Finir en échec</translation>
    </message>
    <message>
        <location filename="../resources/processes.json"/>
        <source>Its address.</source>
        <translation>Son adresse.</translation>
    </message>
    <message>
        <location filename="../resources/processes.json"/>
        <source>A FeatureCollection, or the address of a file.</source>
        <translation>Une FeatureCollection, ou l&apos;adresse d&apos;un fichier.</translation>
    </message>
    <message>
        <location filename="../resources/processes.json"/>
        <source>Extract bands</source>
        <translation>Extraction de bandes</translation>
    </message>
    <message>
        <location filename="../resources/processes.json"/>
        <source>Cuts chosen bands of the scenes of a period to an area, on one grid: one image for each date, or a mosaic.</source>
        <translation>Découpe sur une zone les bandes choisies des scènes d&apos;une période, sur une même grille&#xa0;: une image par date, ou une mosaïque.</translation>
    </message>
    <message>
        <location filename="../resources/processes.json"/>
        <source>Extraction</source>
        <translation>Extraction</translation>
    </message>
    <message>
        <location filename="../resources/processes.json"/>
        <source>Scenes of a STAC catalogue; those of one day are joined.</source>
        <translation>Scènes d&apos;un catalogue STAC&#xa0;; celles d&apos;un même jour sont réunies.</translation>
    </message>
    <message>
        <location filename="../resources/processes.json"/>
        <source>Pixels whose centre lies outside are left empty.</source>
        <translation>Les pixels dont le centre est en dehors restent vides.</translation>
    </message>
    <message>
        <location filename="../resources/processes.json"/>
        <source>Bands</source>
        <translation>Bandes</translation>
    </message>
    <message>
        <location filename="../resources/processes.json"/>
        <source>Common names (blue, nir, swir16...) or names of assets, in the order wanted.</source>
        <translation>Noms communs (blue, nir, swir16...) ou noms d&apos;assets, dans l&apos;ordre voulu.</translation>
    </message>
    <message>
        <location filename="../resources/processes.json"/>
        <source>One file for each date, or one mosaic in which the latest date with data is on top.</source>
        <translation>Un fichier par date, ou une mosaïque où la date la plus récente qui a des données est au-dessus.</translation>
    </message>
    <message>
        <location filename="../resources/processes.json"/>
        <source>Leave out clouds</source>
        <translation>Écarter les nuages</translation>
    </message>
    <message>
        <location filename="../resources/processes.json"/>
        <source>Uses the scene classification (SCL) of Sentinel-2: no data, saturated, cloud shadow, cloud and cirrus are left out. Scenes without one are used as they are.</source>
        <translation>Utilise la classification de scène (SCL) de Sentinel-2&#xa0;: pixels sans données, saturés, ombres de nuages, nuages et cirrus sont écartés. Les scènes qui n&apos;en ont pas sont prises telles quelles.</translation>
    </message>
    <message>
        <location filename="../resources/processes.json"/>
        <source>Resolution</source>
        <translation>Résolution</translation>
    </message>
    <message>
        <location filename="../resources/processes.json"/>
        <source>In metres (in degrees if the reference system is geographic). Default: that of the finest band used.</source>
        <translation>En mètres (en degrés si le système de coordonnées est géographique). Par défaut&#xa0;: celle de la bande utilisée la plus fine.</translation>
    </message>
    <message>
        <location filename="../resources/processes.json"/>
        <source>Default: that of the first scene, so that no pixel is resampled.</source>
        <translation>Par défaut&#xa0;: celui de la première scène, pour qu&apos;aucun pixel ne soit rééchantillonné.</translation>
    </message>
    <message>
        <location filename="../resources/processes.json"/>
        <source>Images</source>
        <translation>Images</translation>
    </message>
    <message>
        <location filename="../resources/processes.json"/>
        <source>One for each date, or the mosaic; the bands as stored, with their scale and offset.</source>
        <translation>Une par date, ou la mosaïque&#xa0;; les bandes telles que stockées, avec leur échelle et leur décalage.</translation>
    </message>
    <message>
        <location filename="../resources/processes.json"/>
        <source>Description of the result with its provenance</source>
        <translation>Description du résultat et de sa provenance</translation>
    </message>
    <message>
        <location filename="../resources/processes.json"/>
        <source>Quicklook</source>
        <translation>Aperçu</translation>
    </message>
    <message>
        <location filename="../resources/processes.json"/>
        <source>Segmentation</source>
        <translation>Segmentation</translation>
    </message>
    <message>
        <location filename="../resources/processes.json"/>
        <source>Divides an image into segments of similar pixels with the large-scale mean shift of Orfeo ToolBox, the first step of an object-based analysis.</source>
        <translation>Divise une image en segments de pixels semblables par le mean shift à grande échelle d&apos;Orfeo ToolBox, première étape d&apos;une analyse orientée objet.</translation>
    </message>
    <message>
        <location filename="../resources/processes.json"/>
        <source>Computer vision</source>
        <translation>Vision par ordinateur</translation>
    </message>
    <message>
        <location filename="../resources/processes.json"/>
        <source>Scenes of a STAC catalogue, needed unless a raster is given; several dates are combined by their median, without clouds where a scene classification (SCL) tells them.</source>
        <translation>Scènes d&apos;un catalogue STAC, nécessaires sauf si un raster est donné&#xa0;; plusieurs dates sont combinées par leur médiane, sans les nuages quand une classification de scène (SCL) les indique.</translation>
    </message>
    <message>
        <location filename="../resources/processes.json"/>
        <source>Needed with scenes; limits a raster as well.</source>
        <translation>Nécessaire avec des scènes&#xa0;; limite aussi un raster.</translation>
    </message>
    <message>
        <location filename="../resources/processes.json"/>
        <source>A GeoTIFF to segment in place of scenes: all its bands are used.</source>
        <translation>Un GeoTIFF à segmenter à la place de scènes&#xa0;: toutes ses bandes sont utilisées.</translation>
    </message>
    <message>
        <location filename="../resources/processes.json"/>
        <source>Bands of the scenes</source>
        <translation>Bandes des scènes</translation>
    </message>
    <message>
        <location filename="../resources/processes.json"/>
        <source>Common names (blue, nir, swir16...) or names of assets.</source>
        <translation>Noms communs (blue, nir, swir16...) ou noms d&apos;assets.</translation>
    </message>
    <message>
        <location filename="../resources/processes.json"/>
        <source>Spatial radius</source>
        <translation>Rayon spatial</translation>
    </message>
    <message>
        <location filename="../resources/processes.json"/>
        <source>In pixels: how far the mean shift looks around each pixel.</source>
        <translation>En pixels&#xa0;: jusqu&apos;où le mean shift regarde autour de chaque pixel.</translation>
    </message>
    <message>
        <location filename="../resources/processes.json"/>
        <source>Range radius</source>
        <translation>Rayon spectral</translation>
    </message>
    <message>
        <location filename="../resources/processes.json"/>
        <source>How different two pixels of one segment may be, as a distance over all bands. For scenes in 1/10000 of reflectance, the usual numbers of Sentinel-2; for a raster in its stored numbers.</source>
        <translation>La différence possible entre deux pixels d&apos;un même segment, comme distance sur toutes les bandes. Pour des scènes, en 1/10000 de réflectance, les nombres habituels de Sentinel-2&#xa0;; pour un raster, dans ses nombres stockés.</translation>
    </message>
    <message>
        <location filename="../resources/processes.json"/>
        <source>Smallest segment</source>
        <translation>Plus petit segment</translation>
    </message>
    <message>
        <location filename="../resources/processes.json"/>
        <source>In pixels; smaller ones join their most similar neighbour.</source>
        <translation>En pixels&#xa0;; les plus petits rejoignent leur voisin le plus semblable.</translation>
    </message>
    <message>
        <location filename="../resources/processes.json"/>
        <source>Segments</source>
        <translation>Segments</translation>
    </message>
    <message>
        <location filename="../resources/processes.json"/>
        <source>Polygons with their number of pixels, and the mean and variance of each band.</source>
        <translation>Polygones avec leur nombre de pixels, et la moyenne et la variance de chaque bande.</translation>
    </message>
    <message>
        <location filename="../resources/processes.json"/>
        <source>Spectral index</source>
        <translation>Indice spectral</translation>
    </message>
    <message>
        <location filename="../resources/processes.json"/>
        <source>Computes a vegetation, water, soil, snow or burn index, or an own expression, over the scenes of a period, and combines the dates into one image.</source>
        <translation>Calcule un indice de végétation, d&apos;eau, de sol, de neige ou de brûlis, ou votre propre expression, sur les scènes d&apos;une période, et combine les dates en une image.</translation>
    </message>
    <message>
        <location filename="../resources/processes.json"/>
        <source>Optical</source>
        <translation>Optique</translation>
    </message>
    <message>
        <location filename="../resources/processes.json"/>
        <source>Optical scenes of a STAC catalogue; those of one day are joined.</source>
        <translation>Scènes optiques d&apos;un catalogue STAC&#xa0;; celles d&apos;un même jour sont réunies.</translation>
    </message>
    <message>
        <location filename="../resources/processes.json"/>
        <source>Index</source>
        <translation>Indice</translation>
    </message>
    <message>
        <location filename="../resources/processes.json"/>
        <source>A name of the Awesome Spectral Indices catalogue; its constants take their usual values.</source>
        <translation>Un nom du catalogue Awesome Spectral Indices&#xa0;; ses constantes prennent leurs valeurs habituelles.</translation>
    </message>
    <message>
        <location filename="../resources/processes.json"/>
        <source>Own expression</source>
        <translation>Votre expression</translation>
    </message>
    <message>
        <location filename="../resources/processes.json"/>
        <source>Replaces the index. Write it over the names of the bands, such as (nir - red) / (nir + red + 0.5). Operators: + - * / ** and comparisons; functions: sqrt, abs, log, exp, minimum, maximum, clip, where. Bands are reflectances from 0 to 1.</source>
        <translation>Remplace l&apos;indice. Écrivez-la avec les noms des bandes, comme (nir - red) / (nir + red + 0.5). Opérateurs&#xa0;: + - * / ** et comparaisons&#xa0;; fonctions&#xa0;: sqrt, abs, log, exp, minimum, maximum, clip, where. Les bandes sont des réflectances de 0 à 1.</translation>
    </message>
    <message>
        <location filename="../resources/processes.json"/>
        <source>Combine the dates by</source>
        <translation>Combiner les dates par</translation>
    </message>
    <message>
        <location filename="../resources/processes.json"/>
        <source>What becomes of a pixel that was seen on several dates.</source>
        <translation>Ce que devient un pixel vu à plusieurs dates.</translation>
    </message>
    <message>
        <location filename="../resources/processes.json"/>
        <source>Statistics per polygon</source>
        <translation>Statistiques par polygone</translation>
    </message>
    <message>
        <location filename="../resources/processes.json"/>
        <source>Mean, spread, percentiles and other statistics of the pixels of scenes, of a spectral index or of a raster in each polygon of a layer, such as fields or segments.</source>
        <translation>Moyenne, dispersion, centiles et autres statistiques des pixels de scènes, d&apos;un indice spectral ou d&apos;un raster dans chaque polygone d&apos;une couche, comme des parcelles ou des segments.</translation>
    </message>
    <message>
        <location filename="../resources/processes.json"/>
        <source>Polygons</source>
        <translation>Polygones</translation>
    </message>
    <message>
        <location filename="../resources/processes.json"/>
        <source>The layer whose polygons get the statistics; they may overlap. A pixel counts when its centre lies inside a polygon or on its edge; a polygon between the centres has a count of 0 and no other statistics.</source>
        <translation>La couche dont les polygones reçoivent les statistiques&#xa0;; ils peuvent se chevaucher. Un pixel compte si son centre est dans le polygone ou sur son bord&#xa0;; un polygone entre les centres a un compte de 0 et aucune autre statistique.</translation>
    </message>
    <message>
        <location filename="../resources/processes.json"/>
        <source>Scenes of a STAC catalogue, needed unless a raster is given; the dates are combined into one image.</source>
        <translation>Scènes d&apos;un catalogue STAC, nécessaires sauf si un raster est donné&#xa0;; les dates sont combinées en une image.</translation>
    </message>
    <message>
        <location filename="../resources/processes.json"/>
        <source>A GeoTIFF in place of scenes: all its bands are used, with the scale and offset that the file gives them.</source>
        <translation>Un GeoTIFF à la place de scènes&#xa0;: toutes ses bandes sont utilisées, avec l&apos;échelle et le décalage que le fichier leur donne.</translation>
    </message>
    <message>
        <location filename="../resources/processes.json"/>
        <source>Spectral index of the scenes</source>
        <translation>Indice spectral des scènes</translation>
    </message>
    <message>
        <location filename="../resources/processes.json"/>
        <source>In place of bands: a name of the Awesome Spectral Indices catalogue; its constants take their usual values.</source>
        <translation>À la place de bandes&#xa0;: un nom du catalogue Awesome Spectral Indices&#xa0;; ses constantes prennent leurs valeurs habituelles.</translation>
    </message>
    <message>
        <location filename="../resources/processes.json"/>
        <source>Statistics</source>
        <translation>Statistiques</translation>
    </message>
    <message>
        <location filename="../resources/processes.json"/>
        <source>std is the standard deviation of the pixels themselves (divided by their number); p10 and p90 are percentiles, linear between two values; majority is the most frequent value, the smallest of several, for classes.</source>
        <translation>std est l&apos;écart-type des pixels eux-mêmes (divisé par leur nombre)&#xa0;; p10 et p90 sont des centiles, linéaires entre deux valeurs&#xa0;; majority est la valeur la plus fréquente, la plus petite s&apos;il y en a plusieurs, pour des classes.</translation>
    </message>
    <message>
        <location filename="../resources/processes.json"/>
        <source>Prefix</source>
        <translation>Préfixe</translation>
    </message>
    <message>
        <location filename="../resources/processes.json"/>
        <source>What the names of the new columns begin with, before band and statistic.</source>
        <translation>Ce par quoi commencent les noms des nouvelles colonnes, avant la bande et la statistique.</translation>
    </message>
    <message>
        <location filename="../resources/processes.json"/>
        <source>Only pixels whose centre lies inside count. Default: that of the polygons.</source>
        <translation>Seuls les pixels dont le centre est à l&apos;intérieur comptent. Par défaut&#xa0;: celle des polygones.</translation>
    </message>
    <message>
        <location filename="../resources/processes.json"/>
        <source>Polygons with statistics</source>
        <translation>Polygones et statistiques</translation>
    </message>
    <message>
        <location filename="../resources/processes.json"/>
        <source>The polygons with all their attributes, and a column for each band and statistic, such as nir_mean.</source>
        <translation>Les polygones avec tous leurs attributs, et une colonne par bande et statistique, comme nir_mean.</translation>
    </message>
</context>
</TS>
