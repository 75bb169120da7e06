;;; twinny-lsp-documents.el --- Buffers as twinny-lsp has them  -*- lexical-binding: t; -*-

;; Version: 1.0
;; Package-Requires: ((emacs "30.1"))
;; Keywords: convenience, languages, tools

;;; Commentary:

;; Keeps the server's text of a buffer in step with the buffer, and makes the edits that the server wants.  Not for
;; what is shown in a buffer: see twinny-lsp-ghost.el.

;;; Code:

(require 'seq)
(require 'url-util)
(require 'twinny-lsp-client)
(eval-when-compile (require 'subr-x))

(defvar twinny-lsp-mode)
(defvar twinny-lsp--seen)
(declare-function project-root "project")
(declare-function twinny-lsp--hide "twinny-lsp-ghost")
(declare-function twinny-lsp-mode "twinny-lsp")

;;; What the server has

(defvar-local twinny-lsp--version 0 "The version of the text that the server has.")
(defvar-local twinny-lsp--changes nil "What the server has not been told yet, last first, or `whole'.")
(defvar-local twinny-lsp--before nil "What is about to change: (BEG END START STOP).")
(defvar-local twinny-lsp--tick 0 "The buffer's tick when a change was last noted.")
(defvar-local twinny-lsp--carriage nil "Non-nil if the text may hold carriage returns.")
(defvar-local twinny-lsp--flushing nil "The timer that will tell of changes.")

(defconst twinny-lsp--no-text (format "[%c-%c%c-%c%c-%c]" #xd800 #xdfff #x110000 #x3fff7f #x3fff80 #x3fffff)
  "What a buffer can hold and no text in Unicode can.")

(defun twinny-lsp--path (uri)
  "Return the path of the file URI."
  (let ((path (decode-coding-string (url-unhex-string (string-remove-prefix "file://" uri)) 'utf-8)))
    (if (eq system-type 'windows-nt) (substring path 1) path)))

(defun twinny-lsp--uri-of (path)
  "Return the URI of the file PATH."
  (concat "file://" (if (eq system-type 'windows-nt) "/" "")
          (mapconcat #'url-hexify-string (split-string (expand-file-name path) "/") "/")))

(defun twinny-lsp--folder (directory)
  "Return DIRECTORY as a workspace folder."
  (list :uri (twinny-lsp--uri-of (directory-file-name directory))
        :name (file-name-nondirectory (directory-file-name directory))))

(defun twinny-lsp--text (beg end)
  "Return the text from BEG to END; what is no Unicode is a replacement character."
  (save-restriction
    (widen)
    (let ((text (buffer-substring-no-properties beg end)))
      (if (string-match-p twinny-lsp--no-text text)
          (replace-regexp-in-string twinny-lsp--no-text "\ufffd" text t t)
        text))))

(defun twinny-lsp--position (&optional at)
  "Return the position AT, or point, in the server's terms: code points."
  (save-restriction
    (widen)
    (save-excursion
      (goto-char (or at (point)))
      (list :line (1- (line-number-at-pos nil t)) :character (- (point) (pos-bol))))))

(defun twinny-lsp--point (position)
  "Return where the server's POSITION is in this buffer."
  (save-restriction
    (widen)
    (save-excursion
      (goto-char (point-min))
      (forward-line (or (plist-get position :line) 0))
      (min (+ (point) (or (plist-get position :character) 0)) (pos-eol)))))

(defun twinny-lsp--range (beg end)
  "Return the range from BEG to END in the server's terms."
  (list :start (twinny-lsp--position beg) :end (twinny-lsp--position end)))

(defun twinny-lsp--language ()
  "Return the language of this buffer; the server knows Emacs's names for them."
  (let ((name (or buffer-file-name "")))
    (cond ((string-suffix-p "/COMMIT_EDITMSG" name) "git-commit")
          ((and (memq major-mode '(fundamental-mode text-mode)) (string-suffix-p ".md" name)) "markdown")
          (t (string-remove-suffix "-mode" (symbol-name major-mode))))))

(defun twinny-lsp--servable-p ()
  "Whether the server can have this buffer: a text of this machine, not too long."
  (not (or (minibufferp) (buffer-base-buffer)
           (file-remote-p (or buffer-file-name default-directory))
           (and large-file-warning-threshold (> (buffer-size) large-file-warning-threshold)))))

(defun twinny-lsp--add-folder ()
  "Tell the server of the project this buffer is in."
  (when-let* ((buffer-file-name) (project (project-current)) (root (expand-file-name (project-root project)))
              ((not (member root twinny-lsp--folders))))
    (push root twinny-lsp--folders)
    (when twinny-lsp--ready
      (twinny-lsp--notify :workspace/didChangeWorkspaceFolders
                          (list :event (list :added (vector (twinny-lsp--folder root)) :removed []))))))

(defun twinny-lsp--open ()
  "Open this buffer at the server."
  (when (and twinny-lsp-mode twinny-lsp--ready (not twinny-lsp--uri) (twinny-lsp--servable-p))
    (let ((text (twinny-lsp--text (point-min) (point-max))))
      (setq twinny-lsp--uri (if buffer-file-name
                                (twinny-lsp--uri-of buffer-file-name)
                              (concat "untitled:" (url-hexify-string (buffer-name))))
            twinny-lsp--version 0
            twinny-lsp--changes nil
            twinny-lsp--tick (buffer-chars-modified-tick)
            twinny-lsp--carriage (string-search "\r" text))
      (twinny-lsp--notify :textDocument/didOpen
                          (list :textDocument (list :uri twinny-lsp--uri :languageId (twinny-lsp--language)
                                                    :version 0 :text text))))))

(defun twinny-lsp--close ()
  "Close this buffer at the server."
  (when-let* ((uri twinny-lsp--uri))
    (setq twinny-lsp--uri nil)
    (run-hooks 'twinny-lsp--closed-hook)
    (when twinny-lsp--ready
      (twinny-lsp--notify :textDocument/didClose (list :textDocument (list :uri uri))))))

(defun twinny-lsp--renamed ()
  "Open this buffer under its new name."
  (twinny-lsp--close)
  (twinny-lsp--add-folder)
  (twinny-lsp--open))

(defun twinny-lsp--before-change (beg end)
  "Note that the text from BEG to END is about to change."
  (when twinny-lsp--uri
    (unless (eql twinny-lsp--tick (buffer-chars-modified-tick))
      ;; Some program changed it before and kept the hooks from running.
      (setq twinny-lsp--changes 'whole))
    (setq twinny-lsp--before (list beg end (twinny-lsp--position beg) (twinny-lsp--position end)))))

(defun twinny-lsp--after-change (beg end length)
  "Note that the text from BEG to END was one of LENGTH characters before."
  (when twinny-lsp--uri
    (setq twinny-lsp--changes (twinny-lsp--changed beg end length)
          twinny-lsp--before nil
          twinny-lsp--tick (buffer-chars-modified-tick))
    (unless twinny-lsp--flushing
      (setq twinny-lsp--flushing (run-at-time 0 nil #'twinny-lsp--flush-buffer (current-buffer))))))

(defun twinny-lsp--changed (beg end length)
  "Return what there is to tell, with LENGTH characters that became BEG to END.
It is `whole' where the hooks do not tell all that happens."
  (pcase-let ((`(,old-beg ,old-end ,start ,stop) twinny-lsp--before)
              (text (twinny-lsp--text beg end)))
    (when (string-search "\r" text)
      (setq twinny-lsp--carriage t))
    (if (or twinny-lsp--carriage (eq twinny-lsp--changes 'whole) (length> twinny-lsp--changes 500)
            (not (and (eql old-beg beg) (eql old-end (+ beg length)))))
        'whole
      (cons (list :range (list :start start :end stop) :text text) twinny-lsp--changes))))

(defun twinny-lsp--flush-buffer (buffer)
  "Tell the server of what was changed in BUFFER."
  (when (buffer-live-p buffer)
    (with-current-buffer buffer (twinny-lsp--flush))))

(defun twinny-lsp--flush ()
  "Tell the server of what was changed in this buffer."
  (when twinny-lsp--flushing
    (cancel-timer twinny-lsp--flushing)
    (setq twinny-lsp--flushing nil))
  (when (and twinny-lsp--uri twinny-lsp--ready)
    (unless (eql twinny-lsp--tick (buffer-chars-modified-tick))
      (setq twinny-lsp--changes 'whole twinny-lsp--tick (buffer-chars-modified-tick)))
    (when-let* ((changes twinny-lsp--changes))
      (setq twinny-lsp--changes nil)
      (twinny-lsp--notify
       :textDocument/didChange
       (list :textDocument (list :uri twinny-lsp--uri :version (cl-incf twinny-lsp--version))
             :contentChanges
             (if (eq changes 'whole)
                 (vector (list :text (twinny-lsp--text 1 (1+ (buffer-size)))))
               (vconcat (nreverse changes))))))))

(defun twinny-lsp--document ()
  "Return this buffer as the server knows it now, nil if it does not know it."
  (twinny-lsp--flush)
  (and twinny-lsp--uri twinny-lsp--ready (list :uri twinny-lsp--uri)))

;;; Edits

(defun twinny-lsp--apply-edit (edit)
  "Make EDIT, a WorkspaceEdit.  Return nil, or why it was not made."
  (let ((parts (append (plist-get edit :documentChanges) nil)))
    (or (seq-some #'twinny-lsp--refusal parts)
        (condition-case problem
            (mapc (lambda (part)
                    (if (equal (plist-get part :kind) "create")
                        (twinny-lsp--create (twinny-lsp--path (plist-get part :uri)))
                      (with-current-buffer (twinny-lsp--buffer (twinny-lsp--get part :textDocument :uri))
                        (twinny-lsp--edit (plist-get part :edits)))))
                  parts)
          (error (error-message-string problem))
          (:success nil)))))

(defun twinny-lsp--buffer (uri)
  "Return the buffer of URI, which is visited if it is not yet."
  (or (seq-find (lambda (buffer) (equal (buffer-local-value 'twinny-lsp--uri buffer) uri)) (buffer-list))
      (find-file-noselect (twinny-lsp--path uri))))

(defun twinny-lsp--refusal (part)
  "Return why PART of an edit cannot be made, nil if it can."
  (pcase (plist-get part :kind)
    ("create" (and (file-exists-p (twinny-lsp--path (plist-get part :uri))) "the file is there already"))
    ((pred stringp) "only creating files is known")
    (_ (when-let* ((version (twinny-lsp--get part :textDocument :version)))
         (with-current-buffer (twinny-lsp--buffer (twinny-lsp--get part :textDocument :uri))
           (twinny-lsp--flush)
           (cond (buffer-read-only "the buffer is read-only")
                 ((not (eql version twinny-lsp--version)) "the text was changed meanwhile")))))))

(defun twinny-lsp--create (path)
  "Show a new buffer for PATH, a file that is not there yet."
  (make-directory (file-name-directory path) t)
  (with-current-buffer (find-file-noselect path)
    (twinny-lsp-mode 1)
    (display-buffer (current-buffer))))

(defvar-local twinny-lsp--undo nil
  "Where `buffer-undo-list' began after our last edit.")

(defun twinny-lsp--edit (edits)
  "Make EDITS of this buffer, all or none, in one step of undo.
An edit that follows our last one, with nothing in between, belongs to
that one's step: an answer that streams in is undone as a whole."
  (save-restriction
    (widen)
    (let ((places (seq-map-indexed
                   (lambda (edit number)
                     (let ((range (plist-get edit :range)))
                       (list (twinny-lsp--point (plist-get range :start)) number
                             (twinny-lsp--point (plist-get range :end)) (plist-get edit :newText))))
                   edits))
          (undo (seq-drop-while #'null (and (consp buffer-undo-list) buffer-undo-list))))
      (if (and twinny-lsp--undo (eq undo twinny-lsp--undo))
          (setq buffer-undo-list undo)
        (undo-boundary))
      ;; From the end, so that the places before stay; of those at one place the last one first.
      (setq places (sort places (lambda (a b) (or (> (car a) (car b))
                                                  (and (= (car a) (car b)) (> (cadr a) (cadr b)))))))
      (with-undo-amalgamate
        (atomic-change-group
          (pcase-dolist (`(,beg ,_ ,end ,text) places)
            (save-excursion
              (goto-char beg)
              (delete-region beg end)
              (insert text)))))
      (setq twinny-lsp--undo (and (consp buffer-undo-list) buffer-undo-list))
      (twinny-lsp--hide)
      (setq twinny-lsp--seen (buffer-chars-modified-tick))
      (twinny-lsp--flush))))

(provide 'twinny-lsp-documents)
;;; twinny-lsp-documents.el ends here
